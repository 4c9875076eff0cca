"""The bridge between a host and the server: JSON-RPC 2.0 over stdin and stdout (`docs/bridge.md`).

=============  ===================================================  ===================================
file           what it decides                                      who calls it
=============  ===================================================  ===================================
rpc.py         what is a request, and what every error answers      the command `v2a bridge`
service.py     which method does what; the order from `hello` on    the command, rpc
paging.py      what the methods of pages in a browser do            service
fields.py      which values of JSON are refused, by what name       service, paging, requests, placing
link.py        which server is used, and when it is started         service, jobs, attending
jobs.py        which jobs there are, begin, and may be tried again  service, paging
journal.py     what of a job outlives host, bridge and server       jobs, attending
attending.py   what one job does next, from pictures to sounds      jobs
turns.py       which job waits for which other                      jobs, attending
requests.py    what a job asks for, and whether it is whole         jobs, attending
rendering.py   how pictures are rendered, and which film is whole   attending
leash.py       that nothing which renders outlives its bridge       rendering, as a program
pictures.py    in which film a job's pictures are                   jobs, attending
showing.py     how far handles reach, and which cues are stray      attending
fetching.py    where sounds are written, and which are whole        attending
telling.py     what a host is told of a job, and how often          jobs, attending
placing.py     on which channels sounds go, and what lies amiss     service
=============  ===================================================  ===================================
"""
