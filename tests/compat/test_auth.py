#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Who may do what, and how a client says who it is; changes when authentication or ACLs do."""

import base64
import hashlib
import unittest

from harness import JAVA, KIND, Case, differs, main
from rawzk import *


def digest_id(user, password):
    whole = ("%s:%s" % (user, password)).encode()
    return user + ":" + base64.b64encode(hashlib.sha1(whole).digest()).decode()


MINE = [(ALL, "auth", "")]


class Authentication(Case):
    settings = {"DigestAuthenticationProvider.superDigest": digest_id("super", "secret")}

    def test_digest_is_answered_with_the_xid_and_zxid_0(self):
        c = self.connect()
        reply = c.auth("digest", "bob:pw")
        self.assertEqual((reply.xid, reply.zxid, reply.err, reply.body.left()), (-4, 0, OK, 0))
        c.send(i32(99) + i32(AUTH) + i32(0) + buf("digest") + buf("al:pw"))
        self.assertEqual(c.next_reply().xid, 99)

    def test_failures_end_the_connection(self):
        for scheme, data in (("nonsense", b"x"), ("world", b"anyone"), ("digest", None), ("auth", b""), ("", b"")):
            with self.subTest(scheme=scheme, data=data):
                c = self.connect()
                reply = c.auth(scheme, data)
                self.assertEqual((reply.xid, reply.err), (-4, AUTH_FAILED))
                self.assertTrue(c.closes())

    def test_a_truncated_auth_packet_ends_the_connection(self):
        c = self.connect()
        c.send(i32(-4) + i32(AUTH) + i32(0) + i32(30) + b"dig")
        self.assertRaises(Closed, c.next_reply)

    def test_ids_add_up(self):
        c = self.connect()
        self.assertEqual(c.who_am_i(), [("ip", "127.0.0.1")])
        c.auth("digest", "bob:pw")
        c.auth("digest", "bob:pw")
        c.auth("digest", "al:pw")
        c.auth("ip", "1.2.3.4")
        self.assertEqual(c.who_am_i(), [("digest", "al"), ("digest", "bob"), ("ip", "127.0.0.1")])

    def test_auth_entries_become_the_ids_of_the_writer(self):
        c = self.connect()
        self.assertEqual(c.create(self.path("0"), acl=MINE).err, INVALID_ACL)
        c.auth("digest", "bob:pw")
        c.auth("digest", "al:pw")
        c.create(self.path(), acl=[(READ | ADMIN, "auth", "whatever")])
        self.assertEqual(sorted(c.get_acl(self.path()).acl),
                         [(READ | ADMIN, "digest", digest_id("al", "pw")), (READ | ADMIN, "digest", digest_id("bob", "pw"))])

    def test_a_user_without_colon_is_the_whole_text(self):
        c = self.connect()
        c.auth("digest", "lonely")
        c.create(self.path(), acl=MINE)
        self.assertEqual(c.get_acl(self.path()).acl,
                         [(ALL, "digest", "lonely:" + base64.b64encode(hashlib.sha1(b"lonely").digest()).decode())])
        self.assertIn(("digest", "lonely"), c.who_am_i())

    def test_only_the_owner_gets_in(self):
        c, other, again = self.connect(), self.connect(), self.connect()
        c.auth("digest", "bob:pw")
        c.create(self.path(), b"secret", acl=MINE)
        self.assertEqual(c.get(self.path()).data, b"secret")
        for op in (other.get, other.children, other.get_acl, other.set):
            self.assertEqual(op(self.path()).err, NO_AUTH)
        self.assertEqual(other.create(self.path("/k")).err, NO_AUTH)
        self.assertEqual(other.set_acl(self.path(), OPEN).err, NO_AUTH)
        self.assertEqual(other.delete(self.path()).err, OK)
        c.create(self.path(), b"secret", acl=MINE)
        other.auth("digest", "bob:wrong")
        self.assertEqual(other.get(self.path()).err, NO_AUTH)
        again.auth("digest", "bob:pw")
        self.assertEqual(again.get(self.path()).data, b"secret")

    def test_ids_belong_to_the_connection(self):
        c = self.connect()
        c.auth("digest", "bob:pw")
        c.create(self.path(), acl=MINE)
        c.drop()
        again = self.connect(session=c.session, password=c.password)
        self.assertEqual(again.get(self.path()).err, NO_AUTH)
        again.auth("digest", "bob:pw")
        self.assertEqual(again.get(self.path()).err, OK)

    def test_each_permission_opens_its_operation_only(self):
        c = self.connect()
        c.auth("digest", "bob:pw")
        for perm in (READ, WRITE, CREATE_PERM, DELETE_PERM, ADMIN):
            p = self.path("%d" % perm)
            c.create(p)
            c.create(p + "/k")
            c.set_acl(p, [(perm, "world", "anyone"), (ADMIN, "digest", digest_id("bob", "pw"))])
            other = self.connect()
            allowed = {
                READ: [other.get(p), other.children(p), other.exists(p)],
                WRITE: [other.set(p)],
                CREATE_PERM: [other.create(p + "/n")],
                DELETE_PERM: [other.delete(p + "/k")],
                ADMIN: [other.set_acl(p, [(ADMIN, "world", "anyone")])],
            }
            for needed, replies in allowed.items():
                for reply in replies:
                    if differs(needed == READ and reply is replies[-1], False):
                        continue
                    self.assertEqual(reply.err, OK if needed == perm else NO_AUTH, (perm, needed))

    def test_lists_are_masked_without_admin(self):
        c, other = self.connect(), self.connect()
        bob = digest_id("bob", "pw")
        c.auth("digest", "bob:pw")
        c.create(self.path(), acl=[(READ, "world", "anyone"), (ALL, "digest", bob), (READ, "ip", "9.9.9.9")])
        self.assertEqual(c.get_acl(self.path()).acl[1], (ALL, "digest", bob))
        self.assertEqual(other.get_acl(self.path()).acl,
                         [(READ, "world", "anyone"), (ALL, "digest", "bob:x"), (READ, "ip", "9.9.9.9")])

    def test_addresses_match_by_bits(self):
        c = self.connect()
        for text, allowed in (("127.0.0.1", True), ("127.0.0.0/8", True), ("127.0.0.2", False), ("127.0.0.2/30", True),
                              ("0.0.0.0/0", True), ("10.0.0.0/8", False)):
            p = self.path(text.replace("/", "-"))
            self.assertEqual(c.create(p, acl=[(ALL, "ip", text)]).err, OK)
            self.assertEqual(c.get(p).err, OK if allowed else NO_AUTH, text)

    def test_addresses_of_the_other_family_are_legal(self):
        if differs(True, False):
            self.skipTest("3.8.0 knows IPv4 only")
        c = self.connect()
        for text in ("::1", "fe80::/10", "2001:db8::1/128"):
            self.assertEqual(c.create(self.path(text.replace("/", "-")), acl=[(ALL, "ip", text)]).err, OK)
            self.assertEqual(c.get(self.path(text.replace("/", "-"))).err, NO_AUTH)
        for text in ("::1/129", ":::", "1::2::3", "12345::"):
            self.assertEqual(c.create(self.path("x"), acl=[(ALL, "ip", text)]).err, INVALID_ACL)

    def test_super_passes_everywhere(self):
        c, root = self.connect(), self.connect()
        c.auth("digest", "bob:pw")
        c.create(self.path(), b"x", acl=[(0, "world", "anyone")])
        root.auth("digest", "super:secret")
        self.assertEqual(root.get(self.path()).data, b"x")
        self.assertEqual(root.set_acl(self.path(), OPEN).err, OK)
        self.assertEqual(root.create(self.path("/k")).err, OK)
        self.assertEqual(root.who_am_i(), [("digest", "super"), ("ip", "127.0.0.1"), ("super", "")])
        imposter = self.connect()
        imposter.auth("digest", "super:wrong")
        imposter.create(self.path("2"), acl=[(0, "world", "anyone")])
        self.assertEqual(imposter.get(self.path("2")).err, NO_AUTH)

    def test_super_may_write_the_config_node(self):
        root = self.connect()
        root.auth("digest", "super:secret")
        self.assertEqual(root.set("/zookeeper/config", b"").err, OK)

    def test_sasl_without_configuration_answers_a_null_token(self):
        c = self.connect()
        reply = c.call(SASL, buf(b""))
        self.assertEqual((reply.err, reply.body.buf()), (OK, None))
        self.assertEqual(c.exists("/").err, OK)

    def test_auth_sent_with_a_write_counts_for_it(self):
        c = self.connect()
        auth = i32(-4) + i32(AUTH) + i32(0) + buf("digest") + buf("bob:pw")
        create = i32(5) + i32(CREATE) + create_body(self.path(), acl=MINE)
        c.raw(i32(len(auth)) + auth + i32(len(create)) + create)
        self.assertEqual([(r.xid, r.err) for r in (c.next_reply(), c.next_reply())], [(-4, OK), (5, OK)])


class Enforced(Case):
    settings = {"enforce.auth.enabled": "true", "enforce.auth.schemes": "digest"}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()

    def test_everything_needs_an_id(self):
        for op, body, xid in ((GET_DATA, buf("/") + flag(False), None), (PING, b"", -2), (CREATE, create_body("/x"), None)):
            c = self.connect()
            c.post(op, body, xid)
            reply = c.next_reply()
            self.assertEqual((reply.err, reply.zxid), (REQUIRES_AUTH, 0))
            self.assertTrue(c.closes())

    def test_with_an_id_all_is_as_always(self):
        c = self.connect()
        c.auth("digest", "bob:pw")
        self.assertEqual(c.create(self.path()).err, OK)
        self.assertEqual(c.call(PING, xid=-2).err, OK)


class Skipped(Case):
    settings = {"skipACL": "yes"}

    def test_no_list_is_looked_at(self):
        c = self.connect()
        c.create(self.path(), acl=[(0, "world", "anyone")])
        self.assertEqual(c.get(self.path()).err, OK)
        self.assertEqual(c.set(self.path()).err, OK)
        self.assertEqual(c.create(self.path("/k")).err, OK)


@unittest.skipIf(KIND == JAVA, "3.8.0 knows IPv4 only")
class BothFamilies(Case):
    conf = """
data_dir = "%(data_dir)s";
plugins = {
  persistence = "logsnap";
  transports = ( { plugin = "tcp"; listen = [ "127.0.0.1:%(port)d", "[::1]:%(port)d" ]; } );
  auth = ( "digest", "ip" );
  admin = ( { plugin = "fourletter"; whitelist = [ "*" ]; } );
  metrics = ( );
};
"""

    def test_addresses_match_in_their_own_family(self):
        try:
            six = self.connect(host="::1")
        except OSError:
            self.skipTest("no IPv6 here")
        four = self.connect()
        for text, for_four, for_six in (("::1", False, True), ("::/0", False, True), ("0:0:0:0:0:0:0:0/126", False, True),
                                        ("::2", False, False), ("127.0.0.1", True, False), ("0.0.0.0/0", True, False)):
            p = self.path(text.replace("/", "-"))
            self.assertEqual(four.create(p, acl=[(ALL, "ip", text)]).err, OK)
            self.assertEqual((four.get(p).err == OK, six.get(p).err == OK), (for_four, for_six), text)
        self.assertEqual(six.who_am_i()[0][0], "ip")


if __name__ == "__main__":
    main()
