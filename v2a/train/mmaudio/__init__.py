"""Fine-tuning of MMAudio's flow transformer on films with sound: features once, LoRA or all weights, export."""
