# Zab, phase 3: a write of a follower's client.

== A client of 1, a follower, creates a node.
[    0]    client of 1: asks for /a
[    2] 3  REQUEST from 1                               -> logs 1.2, PROPOSAL 1.2 to 2, 1
[    3] 2  PROPOSAL 1.2 from 3                          -> logs 1.2
[    3] 1  PROPOSAL 1.2 from 3                          -> logs 1.2
[    4] 3  log is durable to 1.2
[    5] 2  log is durable to 1.2                        -> ACK 1.2 to 3
[    5] 1  log is durable to 1.2                        -> ACK 1.2 to 3
[    6] 3  ACK 1.2 from 2                               -> COMMIT 1.2 to 2, 1, tree at 1.2
[    6] 3  ACK 1.2 from 1
[    7] 2  COMMIT 1.2 from 3                            -> tree at 1.2
[    7] 1  COMMIT 1.2 from 3                            -> tree at 1.2
[    8]    client of 1: /a is created, zxid 1.2
