"""Where jobs live. A store moves jobs from state to state; nothing else does."""
