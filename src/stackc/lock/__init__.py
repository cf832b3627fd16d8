"""The lock: its values, its file, its assembly from pins, its proof and its steps."""
