/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proves that packets are written as servers in the field write them, and are cut whole from a stream in any pieces. The bytes
 * were captured from live servers.
 */
#include "base/random.h"
#include "replica/packet.h"

#include <CUnit/Basic.h>

#define LONGEST 1000
#define NO_IDS "ffffffff"
#define CREATE_TXN                                                                                                     \
	"010000124b1a0000 00000001 0000000100000002 000001a1fac13b2b 00000001"                                         \
	"00000002 2f61 00000005 68656c6c6f 00000001 0000001f 00000005 776f726c64 00000006 616e796f6e65 00 00000001"      \
	"00000002 0000000166398ef1"
#define CREATE_REQUEST                                                                                                 \
	"010000124b1a0000 00000001 00000001"                                                                           \
	"00000002 2f61 00000005 68656c6c6f 00000001 0000001f 00000005 776f726c64 00000006 616e796f6e65 00000000"
#define ONE_ID "00000001 00000002 6970 00000009 3132372e302e302e31"

typedef struct {
	PdkPacketType type;
	int64_t zxid;
	const char *data; /* hexadecimal; NULL: null */
	const char *auth; /* NULL: null */
	const char *wire;
} Example;

static const Example examples[] = {
	/* The way of a fresh follower. */
	{PDK_PACKET_FOLLOWERINFO, 0, "0000000000000001 00010000 0000000000000000", NULL,
	 "0000000b 0000000000000000 00000014 0000000000000001 00010000 0000000000000000" NO_IDS},
	{PDK_PACKET_LEADERINFO, INT64_C(0x100000000), "00010000", NULL, "00000011 0000000100000000 00000004 00010000" NO_IDS},
	{PDK_PACKET_ACKEPOCH, 0, "00000000", NULL, "00000012 0000000000000000 00000004 00000000" NO_IDS},
	{PDK_PACKET_DIFF, 0, NULL, NULL, "0000000d 0000000000000000 ffffffff" NO_IDS},
	{PDK_PACKET_ACK, INT64_C(0x100000000), NULL, NULL, "00000003 0000000100000000 ffffffff" NO_IDS},
	{PDK_PACKET_UPTODATE, -1, NULL, NULL, "0000000c ffffffffffffffff ffffffff" NO_IDS},
	/* One that missed txns, one that has too many. */
	{PDK_PACKET_ACKEPOCH, INT64_C(0x10000000b), "ffffffff", NULL, "00000012 000000010000000b 00000004 ffffffff" NO_IDS},
	{PDK_PACKET_DIFF, INT64_C(0x10000000f), NULL, NULL, "0000000d 000000010000000f ffffffff" NO_IDS},
	{PDK_PACKET_COMMIT, INT64_C(0x10000000c), NULL, NULL, "00000004 000000010000000c ffffffff" NO_IDS},
	{PDK_PACKET_TRUNC, INT64_C(0x100000015), NULL, NULL, "0000000e 0000000100000015 ffffffff" NO_IDS},
	/* A write. */
	{PDK_PACKET_REQUEST, -1, CREATE_REQUEST, ONE_ID, "00000001 ffffffffffffffff 0000003e" CREATE_REQUEST ONE_ID},
	{PDK_PACKET_PROPOSAL, INT64_C(0x100000002), CREATE_TXN, NULL, "00000002 0000000100000002 0000005b" CREATE_TXN NO_IDS},
	{PDK_PACKET_SYNC, 0, NULL, NULL, "00000007 0000000000000000 ffffffff" NO_IDS},
	/* Null and empty data differ. */
	{PDK_PACKET_PING, INT64_C(0x100000006), "010000124b1a0000 00001f40", NULL,
	 "00000005 0000000100000006 0000000c 010000124b1a0000 00001f40" NO_IDS},
	{PDK_PACKET_PING, INT64_C(0x100000000), "", NULL, "00000005 0000000100000000 00000000" NO_IDS},
	{PDK_PACKET_PING, INT64_C(0x100000000), NULL, NULL, "00000005 0000000100000000 ffffffff" NO_IDS},
	{PDK_PACKET_REVALIDATE, -1, "010000124b1a0002 00002710", NULL,
	 "00000006 ffffffffffffffff 0000000c 010000124b1a0002 00002710" NO_IDS},
	{PDK_PACKET_REVALIDATE, -1, "010000124b1a0002 01", NULL, "00000006 ffffffffffffffff 00000009 010000124b1a0002 01" NO_IDS},
	/* No ids, said the other way. */
	{PDK_PACKET_SYNC, 0, NULL, "00000000", "00000007 0000000000000000 ffffffff 00000000"},
	{PDK_PACKET_REQUEST, -1, "", "00000002 ffffffff 00000000 00000001 61 ffffffff",
	 "00000001 ffffffffffffffff 00000000 00000002 ffffffff 00000000 00000001 61 ffffffff"},
};

static GByteArray *
bytes_of(const char *hex)
{
	GByteArray *bytes = g_byte_array_new();
	for (; *hex; hex++) {
		if (*hex == ' ')
			continue;
		g_assert(g_ascii_isxdigit(hex[0]) && g_ascii_isxdigit(hex[1]));
		uint8_t byte = (uint8_t)(g_ascii_xdigit_value(hex[0]) * 16 + g_ascii_xdigit_value(hex[1]));
		g_byte_array_append(bytes, &byte, 1);
		hex++;
	}
	return bytes;
}

static bool
slice_is(PdkSlice slice, const char *hex)
{
	if (hex == NULL)
		return slice.length == -1;
	g_autoptr(GByteArray) bytes = bytes_of(hex);
	return slice.length == (int32_t)bytes->len && (bytes->len == 0 || memcmp(slice.data, bytes->data, bytes->len) == 0);
}

static void
expect(const PdkPacket *packet, const Example *example)
{
	CU_ASSERT_EQUAL(packet->type, (int32_t)example->type);
	CU_ASSERT_EQUAL(packet->zxid, example->zxid);
	CU_ASSERT_TRUE(slice_is(packet->data, example->data));
	CU_ASSERT_TRUE(slice_is(packet->auth, example->auth ? example->auth : NO_IDS));
}

static void
packets_are_written_as_captured(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(examples); i++) {
		const Example *example = &examples[i];
		g_autoptr(GByteArray) data = bytes_of(example->data ? example->data : "");
		g_autoptr(GByteArray) wire = bytes_of(example->wire);
		int32_t length = example->data ? (int32_t)data->len : -1;
		PdkBuffer out = {0};
		if (example->auth) {
			g_autoptr(GByteArray) auth = bytes_of(example->auth);
			pdk_put_packet_auth(&out, example->type, example->zxid, data->data, length, auth->data, auth->len);
		} else {
			pdk_put_packet(&out, example->type, example->zxid, data->data, length);
		}
		CU_ASSERT_EQUAL_FATAL(out.length, wire->len);
		CU_ASSERT_EQUAL(memcmp(out.data, wire->data, wire->len), 0);
		pdk_buffer_clear(&out);
	}
}

static void
each_packet_is_cut_and_the_rest_stays_with_the_caller(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(examples); i++) {
		g_autoptr(GByteArray) wire = bytes_of(examples[i].wire);
		g_byte_array_append(wire, (const uint8_t *)"snapshot", 8);
		const uint8_t *at = wire->data;
		size_t left = wire->len;
		PdkPacketCutter cutter;
		pdk_packet_cutter_init(&cutter, LONGEST);
		PdkPacket packet;
		const char *why;
		CU_ASSERT_EQUAL_FATAL(pdk_packet_cut(&cutter, &at, &left, &packet, &why), PDK_CUT_PACKET);
		expect(&packet, &examples[i]);
		CU_ASSERT_EQUAL(left, 8);
		CU_ASSERT_EQUAL(memcmp(at, "snapshot", 8), 0);
		pdk_packet_cutter_clear(&cutter);
	}
}

/* All examples behind each other, in pieces of @piece bytes at most (0: of any length by chance). */
static void
cut_all(size_t piece, PdkRandom *random)
{
	g_autoptr(GByteArray) wire = g_byte_array_new();
	for (size_t i = 0; i < G_N_ELEMENTS(examples); i++) {
		g_autoptr(GByteArray) one = bytes_of(examples[i].wire);
		g_byte_array_append(wire, one->data, one->len);
	}
	PdkPacketCutter cutter;
	pdk_packet_cutter_init(&cutter, LONGEST);
	size_t found = 0;
	for (size_t done = 0; done < wire->len;) {
		size_t now = piece ? piece : 1 + pdk_random_below(random, 70);
		now = MIN(now, wire->len - done);
		g_autofree uint8_t *exact = g_memdup2(wire->data + done, now);
		const uint8_t *at = exact;
		size_t left = now;
		PdkPacket packet;
		const char *why;
		PdkCut cut;
		while ((cut = pdk_packet_cut(&cutter, &at, &left, &packet, &why)) == PDK_CUT_PACKET) {
			CU_ASSERT_TRUE_FATAL(found < G_N_ELEMENTS(examples));
			expect(&packet, &examples[found++]);
		}
		CU_ASSERT_EQUAL_FATAL(cut, PDK_CUT_MORE);
		CU_ASSERT_EQUAL(left, 0);
		done += now;
	}
	CU_ASSERT_EQUAL(found, G_N_ELEMENTS(examples));
	pdk_packet_cutter_clear(&cutter);
}

static void
a_stream_may_come_in_any_pieces(void)
{
	PdkRandom random = pdk_random(11);
	for (size_t piece = 1; piece < 60; piece++)
		cut_all(piece, &random);
	cut_all(100000, &random);
	for (unsigned round = 0; round < 500; round++)
		cut_all(0, &random);
}

static PdkCut
cut_hex(const char *hex, const char **why)
{
	g_autoptr(GByteArray) wire = bytes_of(hex);
	const uint8_t *at = wire->data;
	size_t left = wire->len;
	PdkPacketCutter cutter;
	PdkPacket packet;
	pdk_packet_cutter_init(&cutter, LONGEST);
	PdkCut cut = pdk_packet_cut(&cutter, &at, &left, &packet, why);
	if (cut == PDK_CUT_BAD) {
		at = wire->data; /* it stays so, whatever comes */
		left = wire->len;
		const char *again = NULL;
		CU_ASSERT_EQUAL(pdk_packet_cut(&cutter, &at, &left, &packet, &again), PDK_CUT_BAD);
		CU_ASSERT_PTR_EQUAL(again, *why);
	}
	pdk_packet_cutter_clear(&cutter);
	return cut;
}

static void
lengths_and_counts_that_cannot_be_are_refused_at_once(void)
{
	static const char *const bad[] = {
		"00000002 0000000100000002 fffffffe",                            /* data of -2 bytes */
		"00000002 0000000100000002 000003e9",                            /* 1001: one too many */
		"00000002 0000000100000002 7fffffff",
		"00000002 0000000100000002 80000000",
		"00000001 0000000100000002 ffffffff fffffffe",                   /* -2 ids */
		"00000001 0000000100000002 ffffffff 00000401",                   /* 1025 ids */
		"00000001 0000000100000002 ffffffff 7fffffff",
		"00000001 0000000100000002 ffffffff 00000001 fffffffe",          /* a scheme of -2 bytes */
		"00000001 0000000100000002 ffffffff 00000001 000003e9",          /* longer than data may be */
		"00000001 0000000100000002 ffffffff 00000001 00000002 6970 000003e7", /* both together */
		"00000001 0000000100000002 ffffffff 00000002 00000000 00000001 61 00000000 000003e8", /* of two ids together */
		"00000001 0000000100000002 ffffffff 00000001 ffffffff 80000000",
		"474554202f20485454502f312e310d0a0d0a", /* somebody's browser */
	};
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		const char *why = NULL;
		CU_ASSERT_EQUAL(cut_hex(bad[i], &why), PDK_CUT_BAD);
		CU_ASSERT_PTR_NOT_NULL(why);
	}
}

static void
the_longest_that_may_be_are_awaited(void)
{
	static const char *const good[] = {
		"00000002 0000000100000002 000003e8",
		"00000001 0000000100000002 ffffffff 00000400",
		"00000001 0000000100000002 ffffffff 00000001 000003e8",
		"00000001 0000000100000002 ffffffff 00000001 00000002 6970 000003e6",
		"",
	};
	for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
		const char *why = NULL;
		CU_ASSERT_EQUAL(cut_hex(good[i], &why), PDK_CUT_MORE);
	}
}

/* What a peer announces costs nothing before it comes. */
static void
memory_grows_with_what_came_only(void)
{
	static const uint8_t head[] = {0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1, 0x3f, 0xff, 0xff, 0xff, 1, 2, 3};
	PdkPacketCutter cutter;
	PdkPacket packet;
	const char *why;
	pdk_packet_cutter_init(&cutter, INT32_MAX);
	const uint8_t *at = head;
	size_t left = sizeof head;
	CU_ASSERT_EQUAL(pdk_packet_cut(&cutter, &at, &left, &packet, &why), PDK_CUT_MORE);
	CU_ASSERT_EQUAL(cutter.kept.length, sizeof head);
	CU_ASSERT_TRUE(cutter.kept.capacity < 1024);
	pdk_packet_cutter_clear(&cutter);
}

static void
a_large_packet_is_forgotten_after_its_use(void)
{
	enum { LARGE = 900 * 1024 };
	g_autofree uint8_t *data = g_malloc0(LARGE);
	PdkBuffer wire = {0};
	pdk_put_packet(&wire, PDK_PACKET_PROPOSAL, 7, data, LARGE);
	pdk_put_packet(&wire, PDK_PACKET_COMMIT, 7, NULL, -1);
	PdkPacketCutter cutter;
	PdkPacket packet;
	const char *why;
	pdk_packet_cutter_init(&cutter, LARGE);
	const uint8_t *at = wire.data;
	size_t left = 1000;
	CU_ASSERT_EQUAL(pdk_packet_cut(&cutter, &at, &left, &packet, &why), PDK_CUT_MORE);
	left = wire.length - 1000;
	CU_ASSERT_EQUAL_FATAL(pdk_packet_cut(&cutter, &at, &left, &packet, &why), PDK_CUT_PACKET);
	CU_ASSERT_EQUAL(packet.data.length, LARGE);
	CU_ASSERT_EQUAL_FATAL(pdk_packet_cut(&cutter, &at, &left, &packet, &why), PDK_CUT_PACKET);
	CU_ASSERT_EQUAL(packet.type, (int32_t)PDK_PACKET_COMMIT);
	CU_ASSERT_TRUE(cutter.kept.capacity <= 256 * 1024);
	CU_ASSERT_EQUAL(left, 0);
	pdk_packet_cutter_clear(&cutter);
	pdk_buffer_clear(&wire);
}

static void
learner_info_comes_in_three_lengths(void)
{
	g_autoptr(GByteArray) bytes = bytes_of("0000000000000003 00010000 0000000100000009");
	PdkLearnerInfo info;
	CU_ASSERT_TRUE(pdk_get_learner_info((PdkSlice){bytes->data, 20}, &info));
	CU_ASSERT_TRUE(info.sid == 3 && info.protocol == 0x10000 && info.config_version == INT64_C(0x100000009));
	CU_ASSERT_TRUE(pdk_get_learner_info((PdkSlice){bytes->data, 12}, &info));
	CU_ASSERT_TRUE(info.sid == 3 && info.protocol == 0x10000 && info.config_version == 0);
	CU_ASSERT_TRUE(pdk_get_learner_info((PdkSlice){bytes->data, 8}, &info));
	CU_ASSERT_TRUE(info.sid == 3 && info.protocol == 1 && info.config_version == 0);
	CU_ASSERT_FALSE(pdk_get_learner_info((PdkSlice){NULL, -1}, &info));
	for (int32_t length = 0; length < 20; length++)
		CU_ASSERT_EQUAL(pdk_get_learner_info((PdkSlice){bytes->data, length}, &info), length == 8 || length == 12);
	PdkBuffer out = {0};
	pdk_put_learner_info(&out, &(PdkLearnerInfo){3, PDK_PROTOCOL_VERSION, INT64_C(0x100000009)});
	CU_ASSERT_EQUAL(out.length, 20);
	CU_ASSERT_EQUAL(memcmp(out.data, bytes->data, 20), 0);
	pdk_buffer_clear(&out);
}

static void
every_type_has_its_name(void)
{
	CU_ASSERT_STRING_EQUAL(pdk_packet_name(PDK_PACKET_REQUEST), "REQUEST");
	CU_ASSERT_STRING_EQUAL(pdk_packet_name(PDK_PACKET_INFORM_AND_ACTIVATE), "INFORMANDACTIVATE");
	for (int32_t type = PDK_PACKET_REQUEST; type <= PDK_PACKET_INFORM_AND_ACTIVATE; type++)
		CU_ASSERT_STRING_NOT_EQUAL(pdk_packet_name(type), "?");
	static const int32_t unknown[] = {0, -1, 20, INT32_MIN, INT32_MAX};
	for (size_t i = 0; i < G_N_ELEMENTS(unknown); i++)
		CU_ASSERT_STRING_EQUAL(pdk_packet_name(unknown[i]), "?");
}

#define CASE(name) CU_add_test(suite, #name, name)

int
main(void)
{
	if (CU_initialize_registry() != CUE_SUCCESS)
		return 99;
	CU_pSuite suite = CU_add_suite("packet", NULL, NULL);
	CASE(packets_are_written_as_captured);
	CASE(each_packet_is_cut_and_the_rest_stays_with_the_caller);
	CASE(a_stream_may_come_in_any_pieces);
	CASE(lengths_and_counts_that_cannot_be_are_refused_at_once);
	CASE(the_longest_that_may_be_are_awaited);
	CASE(memory_grows_with_what_came_only);
	CASE(a_large_packet_is_forgotten_after_its_use);
	CASE(learner_info_comes_in_three_lengths);
	CASE(every_type_has_its_name);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	unsigned failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures > 0;
}
