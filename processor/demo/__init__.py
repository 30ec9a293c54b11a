"""The demo: the processor at work on sample events, with a broker, a registry and a Rokt of ours.

Everything lives in one process and is gone when that ends. The broker is the one that librdkafka
has for its tests: good to show what the processor does, no proof of what a real Kafka does.
"""
