"""What every host shares: the client, timeline arithmetic, prompts, placement plans and the command line.

Nothing here loads torch: sound is made by the server.
"""
