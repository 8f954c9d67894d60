"""How grave each code is where a text shows it. The codes and their pages are those of plans: `wgm_play/hazards.py`.

In: nothing. Out: `SEVERITY` by code. An error stops writers or readers of a table that is in use, fails, or loses
data; a warning may; info is advice.
"""

from __future__ import annotations

_ERROR = """
C01 C02 C03 C04 C05 C06 C08 C09 C10 C11 C13 C16 C18 K01 K02 K03 K04 K05 K06 K10 I01 I02 I05 I06 I07 I08 I12 I14
T01 T02 T03 T04 T05 T06 T07 P01 P02 P06 V02 V03 V05 V06 Y01 Y03 Y04 Y05 R01 R02 G01 G02 G04 G06 S13 S14 S16
X03 X05 X06 X07 X12 X20 X21
"""
_WARNING = """
C07 C12 K07 K08 K09 K11 K14 I03 I15 I16 T09 T12 P03 V04 V07 Y06 G03 S11 S12 X01 X04 X08 X11 X13 X14
Q02 Q04 Q05 Q11 Q12
"""
_INFO = "C15 K13 I04 I10 I11 P04 V01 X02 X09 X10 Y02 R04 T10 T11 Q01 Q03 Q06 Q07 Q08"

SEVERITY = {
    **dict.fromkeys(_ERROR.split(), "error"),
    **dict.fromkeys(_WARNING.split(), "warning"),
    **dict.fromkeys(_INFO.split(), "info"),
}
