from query.conditions import Conditions

class Tests:
    def __init__(self, conditions: Conditions) -> None: ...
