"""Whole worlds to trade in, in one process: brokers as they behave, to try a program on before it meets the real one."""
