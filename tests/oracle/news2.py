"""NEWS2 by another implementation, for the test `agrees_with_another_implementation` in sim/src/triage/news2.rs.

    python3 -m venv v && v/bin/pip install vitalscore==0.1.1
    v/bin/python tests/oracle/news2.py > tests/oracle/news2.txt

vitalscore (MIT) is used by nothing that is built. The first lines hold the points of each parameter's whole range, one
digit a value; the rest are totals, and whether a single parameter scores 3, of drawn combinations.
"""

from vitalscore.scores import news2 as other

LEVELS = [other.ACVPULevel(level) for level in "ACVPU"]


def line(name, points):
    print(name, "".join(str(point) for point in points))


line("respiration", map(other._score_respiration, range(0, 81)))
line("saturation 1", map(other._score_spo2_scale1, range(50, 101)))
line("saturation 2 air", (other._score_spo2_scale2(percent, False) for percent in range(50, 101)))
line("saturation 2 oxygen", (other._score_spo2_scale2(percent, True) for percent in range(50, 101)))
line("systolic", map(other._score_systolic_bp, range(30, 301)))
line("heart rate", map(other._score_heart_rate, range(10, 251)))
line("temperature", (other._score_temperature(tenths / 10) for tenths in range(300, 431)))
line("consciousness", map(other._score_consciousness, LEVELS))

state = 1


def draw(low, high):
    """Knuth's MMIX generator, as in the test."""
    global state
    state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
    return low + (state >> 33) % (high - low + 1)


for _ in range(4000):
    heart_rate, respiration, saturation = draw(30, 160), draw(4, 40), draw(78, 100)
    temperature, systolic, level = draw(340, 410), draw(70, 240), LEVELS[draw(0, 4)]
    oxygen, hypercapnic = draw(0, 1) == 1, draw(0, 1) == 1
    saturated = (
        other._score_spo2_scale2(saturation, oxygen) if hypercapnic else other._score_spo2_scale1(saturation)
    )
    points = [
        other._score_respiration(respiration),
        saturated,
        other._score_oxygen(oxygen),
        other._score_systolic_bp(systolic),
        other._score_heart_rate(heart_rate),
        other._score_consciousness(level),
        other._score_temperature(temperature / 10),
    ]
    print(sum(points), int(3 in points))
