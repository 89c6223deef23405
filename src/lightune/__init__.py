"""lightune: is fine-tuning a pre-trained model worth it on your texts, with which method, at what cost?"""
