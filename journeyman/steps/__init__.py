"""The seven verbs, in this order: collect, pretrain, finetune, transfer, adapt, reason, explain.

Each reads the workspace's nouns, calls a method, leaves new nouns and returns its section.
"""
