// SPDX-License-Identifier: GPL-2.0-only
/* The decoder: a table of known encodings, truncation, and lengths against Zydis if it is there. */
#define TAP_MAIN
#include "tap.h"
#include "emulate.h"
#include "splitmix.h"

static u64 seed = 1;

static u64 rnd(void)
{
	return splitmix(&seed);
}

struct known {
	enum insn_mode mode;
	const char *hex;
	int status;
	u8 length, op, op_bytes, seg;
};

#define R16	INSN_REAL16
#define P16	INSN_PROT16
#define P32	INSN_PROT32
#define L64	INSN_LONG64

static const struct known table[] = {
	{ L64, "90", INSN_OK, 1, OP_NOP, 4, SREG_DS },
	{ L64, "f390", INSN_OK, 2, OP_PAUSE, 4, SREG_DS },
	{ L64, "4190", INSN_OK, 2, OP_XCHG, 4, SREG_DS },
	{ L64, "4889442408", INSN_OK, 5, OP_MOV, 8, SREG_SS },
	{ L64, "4d894424f8", INSN_OK, 5, OP_MOV, 8, SREG_DS },
	{ L64, "6489042500000000", INSN_OK, 8, OP_MOV, 4, SREG_FS },
	{ L64, "2e8b03", INSN_OK, 3, OP_MOV, 4, SREG_DS },
	{ P32, "2e8b03", INSN_OK, 3, OP_MOV, 4, SREG_CS },
	{ P32, "8b4500", INSN_OK, 3, OP_MOV, 4, SREG_SS },
	{ P32, "678b4600", INSN_OK, 4, OP_MOV, 4, SREG_SS },
	{ R16, "8b4600", INSN_OK, 3, OP_MOV, 2, SREG_SS },
	{ R16, "8b0e3412", INSN_OK, 4, OP_MOV, 2, SREG_DS },
	{ R16, "66678b0d78563412", INSN_OK, 8, OP_MOV, 4, SREG_DS },
	{ L64, "48b88877665544332211", INSN_OK, 10, OP_MOV, 8, SREG_DS },
	{ L64, "48a18877665544332211", INSN_OK, 10, OP_MOV, 8, SREG_DS },
	{ L64, "67a144332211", INSN_OK, 6, OP_MOV, 4, SREG_DS },
	{ L64, "48c705000000000a000000", INSN_OK, 11, OP_MOV, 8, SREG_DS },
	{ L64, "66c7000a00", INSN_OK, 5, OP_MOV, 2, SREG_DS },
	{ L64, "f6000a", INSN_OK, 3, OP_TEST, 1, SREG_DS },
	{ L64, "f710", INSN_OK, 2, OP_NOT, 4, SREG_DS },
	{ L64, "f0480fc70e", INSN_OK, 5, OP_CMPXCHG8B, 8, SREG_DS },
	{ L64, "f00fb10f", INSN_OK, 4, OP_CMPXCHG, 4, SREG_DS },
	{ L64, "f348ab", INSN_OK, 3, OP_STOS, 8, SREG_DS },
	{ L64, "6af0", INSN_OK, 2, OP_PUSH, 8, SREG_DS },
	{ L64, "666812ff", INSN_OK, 4, OP_PUSH, 2, SREG_DS },
	{ L64, "c8100001", INSN_OK, 4, OP_ENTER, 8, SREG_DS },
	{ L64, "0fa2", INSN_OK, 2, OP_CPUID, 4, SREG_DS },
	{ L64, "0f32", INSN_OK, 2, OP_RDMSR, 4, SREG_DS },
	{ L64, "0f30", INSN_OK, 2, OP_WRMSR, 4, SREG_DS },
	{ L64, "f4", INSN_OK, 1, OP_HLT, 4, SREG_DS },
	{ L64, "0f0138", INSN_OK, 3, OP_INVLPG, 4, SREG_DS },
	{ L64, "0f01d9", INSN_OK, 3, OP_VMMCALL, 4, SREG_DS },
	{ L64, "0f01c1", INSN_OK, 3, OP_VMCALL, 4, SREG_DS },
	{ L64, "0f01f8", INSN_OK, 3, OP_SWAPGS, 4, SREG_DS },
	{ P32, "0f01f8", INSN_INVALID, 0, 0, 0, 0 },
	{ L64, "0f01d1", INSN_OK, 3, OP_XSETBV, 4, SREG_DS },
	{ L64, "0f01c8", INSN_OK, 3, OP_MONITOR, 4, SREG_DS },
	{ L64, "0f01c9", INSN_OK, 3, OP_MWAIT, 4, SREG_DS },
	{ L64, "0f22d8", INSN_OK, 3, OP_MOV_TO_CR, 4, SREG_DS },
	{ L64, "0f2218", INSN_OK, 3, OP_MOV_TO_CR, 4, SREG_DS },
	{ L64, "440f20c0", INSN_OK, 4, OP_MOV_FROM_CR, 4, SREG_DS },
	{ P32, "0f20c8", INSN_INVALID, 0, 0, 0, 0 },
	{ L64, "0f23f8", INSN_OK, 3, OP_MOV_TO_DR, 4, SREG_DS },
	{ L64, "660f388207", INSN_OK, 5, OP_INVPCID, 8, SREG_DS },
	{ L64, "0f06", INSN_OK, 2, OP_CLTS, 4, SREG_DS },
	{ L64, "0f09", INSN_OK, 2, OP_WBINVD, 4, SREG_DS },
	{ L64, "0f01f0", INSN_OK, 3, OP_LMSW, 4, SREG_DS },
	{ L64, "0f0117", INSN_OK, 3, OP_LGDT, 8, SREG_DS },
	{ L64, "cd80", INSN_OK, 2, OP_INT, 4, SREG_DS },
	{ L64, "48cf", INSN_OK, 2, OP_IRET, 8, SREG_DS },
	{ L64, "e610", INSN_OK, 2, OP_OUT, 1, SREG_DS },
	{ L64, "66ef", INSN_OK, 2, OP_OUT, 2, SREG_DS },
	{ L64, "48ef", INSN_OK, 2, OP_OUT, 4, SREG_DS },
	{ L64, "f36e", INSN_OK, 2, OP_OUTS, 1, SREG_DS },
	{ L64, "0f0b", INSN_OK, 2, OP_UD, 4, SREG_DS },
	{ L64, "660f7f07", INSN_OK, 4, OP_MOV_XMM, 2, SREG_DS },
	{ L64, "0fc307", INSN_OK, 3, OP_MOVNTI, 4, SREG_DS },
	{ L64, "e800000000", INSN_OK, 5, OP_CALL, 8, SREG_DS },
	{ L64, "6648e800000000", INSN_OK, 7, OP_CALL, 8, SREG_DS },
	{ L64, "66e800000000", INSN_UNKNOWN, 0, 0, 0, 0 },
	{ P32, "66e80000", INSN_OK, 4, OP_CALL, 2, SREG_DS },
	{ P32, "9a44332211bbaa", INSN_OK, 7, OP_CALL_FAR, 4, SREG_DS },
	{ L64, "9a44332211bbaa", INSN_INVALID, 0, 0, 0, 0 },
	{ L64, "06", INSN_INVALID, 0, 0, 0, 0 },
	{ L64, "f089c0", INSN_INVALID, 0, 0, 0, 0 },
	{ L64, "f08900", INSN_INVALID, 0, 0, 0, 0 },
	{ L64, "f001c0", INSN_INVALID, 0, 0, 0, 0 },
	{ L64, "f00100", INSN_OK, 3, OP_ADD, 4, SREG_DS },
	{ L64, "f03900", INSN_INVALID, 0, 0, 0, 0 },
	{ L64, "8ec8", INSN_INVALID, 0, 0, 0, 0 },
	{ L64, "8cf0", INSN_INVALID, 0, 0, 0, 0 },
	{ L64, "8dc0", INSN_INVALID, 0, 0, 0, 0 },
	{ L64, "c5f877", INSN_UNKNOWN, 0, 0, 0, 0 },
	{ P32, "c5f877", INSN_UNKNOWN, 0, 0, 0, 0 },
	{ P32, "c507", INSN_OK, 2, OP_LOAD_FAR_PTR, 4, SREG_DS },
	{ R16, "c5f8", INSN_INVALID, 0, 0, 0, 0 },
	{ P32, "63c8", INSN_OK, 2, OP_ARPL, 2, SREG_DS },
	{ L64, "4863c8", INSN_OK, 3, OP_MOVSX, 8, SREG_DS },
	{ R16, "0f00c8", INSN_INVALID, 0, 0, 0, 0 },
	{ L64, "26262626262626262626262626268b00", INSN_TOO_LONG, 0, 0, 0, 0 },
	{ L64, "262626262626262626262626268b00", INSN_OK, 15, OP_MOV, 4, SREG_DS },
};

static unsigned int from_hex(const char *hex, u8 *bytes)
{
	unsigned int n, byte;

	for (n = 0; sscanf(hex + 2 * n, "%2x", &byte) == 1; n++)
		bytes[n] = byte;
	return n;
}

TEST(known_encodings)
{
	struct insn insn;
	unsigned int i, n;
	u8 bytes[32];

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct known *want = &table[i];
		int status;

		n = from_hex(want->hex, bytes);
		status = insn_decode(&insn, bytes, n, want->mode);
		if (status != want->status)
			TAP_FAIL("%s: status %d, expected %d", want->hex, status, want->status);
		if (status == INSN_OK &&
		    (insn.length != want->length || insn.op != want->op ||
		     insn.op_bytes != want->op_bytes || insn.seg != want->seg))
			TAP_FAIL("%s: length %u op %u op_bytes %u seg %u", want->hex, insn.length,
				 insn.op, insn.op_bytes, insn.seg);
	}
}

/* Every shorter piece asks for more, and nothing behind the end is looked at. */
TEST(truncated)
{
	struct insn insn;
	unsigned int i, n, len;
	u8 bytes[32], *exact;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (table[i].status != INSN_OK)
			continue;
		n = from_hex(table[i].hex, bytes);
		for (len = 0; len < n; len++) {
			exact = malloc(len + 1);
			memcpy(exact + 1, bytes, len);
			CHECK_EQ(insn_decode(&insn, exact + 1, len, table[i].mode), INSN_MORE);
			free(exact);
		}
	}
}

TEST(effective_address)
{
	u64 regs[GPR_COUNT] = { 0 };
	struct insn insn;

	regs[GPR_RBX] = 0xfff0;
	regs[GPR_RSI] = 0x20;
	regs[GPR_RBP] = 0x1000;
	CHECK(!insn_decode(&insn, (const u8 *)"\x8b\x40\x05", 3, R16));
	CHECK_EQ(insn_address(&insn, regs, 0), 0x15);
	CHECK(!insn_decode(&insn, (const u8 *)"\x8b\x44\xb3\x05", 4, P32));
	CHECK_EQ(insn_address(&insn, regs, 0), 0xfff0 + 0x80 + 5);
	CHECK(!insn_decode(&insn, (const u8 *)"\x8b\x05\xf0\xff\xff\xff", 6, L64));
	CHECK_EQ(insn_address(&insn, regs, 0x100), 0x100 + 6 - 0x10);
	CHECK(!insn_decode(&insn, (const u8 *)"\x67\x8b\x05\xf0\xff\xff\xff", 7, L64));
	CHECK_EQ(insn_address(&insn, regs, 0x100000000), 0xfffffff7);
	CHECK(!insn_decode(&insn, (const u8 *)"\x8b\x45\x80", 3, L64));
	CHECK_EQ(insn_address(&insn, regs, 0), 0xf80);
}

/* Whatever the bytes: no crash, a length within bounds, the same result for a copy. */
TEST(random_bytes)
{
	unsigned int i, n;
	struct insn insn, again;
	u8 bytes[INSN_MAX_BYTES];
	enum insn_mode mode;
	int status;

	for (i = 0; i < 2000000; i++) {
		for (n = 0; n < sizeof(bytes); n++)
			bytes[n] = rnd();
		n = rnd() % (INSN_MAX_BYTES + 1);
		mode = rnd() % 5;
		status = insn_decode(&insn, bytes, n, mode);
		if (status != INSN_OK)
			continue;
		CHECK(insn.length && insn.length <= n);
		CHECK(insn.op < OP_COUNT);
		CHECK_EQ(insn_decode(&again, bytes, insn.length, mode), INSN_OK);
		CHECK(!memcmp(&insn, &again, sizeof(insn)));
	}
}

#if __has_include(<Zydis/Zydis.h>)
#include <Zydis/Zydis.h>

static void zydis_init(ZydisDecoder *decoder, enum insn_mode mode)
{
	static const ZydisMachineMode modes[] = {
		[R16] = ZYDIS_MACHINE_MODE_REAL_16, [INSN_VM86] = ZYDIS_MACHINE_MODE_LEGACY_16,
		[P16] = ZYDIS_MACHINE_MODE_LEGACY_16, [P32] = ZYDIS_MACHINE_MODE_LEGACY_32,
		[L64] = ZYDIS_MACHINE_MODE_LONG_64,
	};
	static const ZydisStackWidth widths[] = {
		[R16] = ZYDIS_STACK_WIDTH_16, [INSN_VM86] = ZYDIS_STACK_WIDTH_16,
		[P16] = ZYDIS_STACK_WIDTH_16, [P32] = ZYDIS_STACK_WIDTH_32,
		[L64] = ZYDIS_STACK_WIDTH_64,
	};

	CHECK(ZYAN_SUCCESS(ZydisDecoderInit(decoder, modes[mode], widths[mode])));
}

static void opcode_heavy(u8 *bytes)
{
	static const u8 prefixes[] = { 0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x2e, 0x64, 0x48, 0x41 };
	unsigned int n = 0, i;

	while (rnd() % 3 == 0 && n < 4)
		bytes[n++] = prefixes[rnd() % sizeof(prefixes)];
	if (rnd() % 2)
		bytes[n++] = 0x0f;
	for (i = n; i < INSN_MAX_BYTES; i++)
		bytes[i] = rnd();
}

static unsigned long agreed, disagreed;

static void complain(enum insn_mode mode, const u8 *bytes, const struct insn *insn, int status,
		     bool valid, const ZydisDecodedInstruction *z)
{
	unsigned int i;

	if (disagreed++ > 20)
		return;
	fprintf(stderr, "# mode %u:", mode);
	for (i = 0; i < INSN_MAX_BYTES; i++)
		fprintf(stderr, " %02x", bytes[i]);
	fprintf(stderr, ": status %d op %u length %u, zydis %s %u %s\n", status, insn->op,
		insn->length, valid ? "valid" : "invalid", valid ? z->length : 0,
		valid ? ZydisMnemonicGetString(z->mnemonic) : "");
}

/*
 * Where we know the instruction, the length has to be the same. Zydis refuses some encodings
 * that processors accept or where the vendors differ: those are not counted.
 */
static void compare_length(const ZydisDecoder *decoder, enum insn_mode mode)
{
	ZydisDecodedInstruction z;
	u8 bytes[INSN_MAX_BYTES];
	struct insn insn;
	int status;
	bool valid;

	opcode_heavy(bytes);
	status = insn_decode(&insn, bytes, sizeof(bytes), mode);
	valid = ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(decoder, NULL, bytes, sizeof(bytes),
							   &z));
	if (status == INSN_UNKNOWN || status == INSN_TOO_LONG || status == INSN_MORE)
		return;
	if (!valid)
		return;
	if (status == INSN_OK && insn.length == z.length)
		agreed++;
	else
		complain(mode, bytes, &insn, status, valid, &z);
}

TEST(lengths_like_zydis)
{
	static const enum insn_mode modes[] = { R16, P16, P32, L64 };
	ZydisDecoder decoder;
	unsigned int m, i;

	for (m = 0; m < 4; m++) {
		zydis_init(&decoder, modes[m]);
		for (i = 0; i < 500000; i++)
			compare_length(&decoder, modes[m]);
	}
	printf("# %lu lengths are the same\n", agreed);
	CHECK_EQ(disagreed, 0);
	CHECK(agreed > 1000000);
}
#else
static void no_zydis(void)
{
}

__attribute__((constructor)) static void add_no_zydis(void)
{
	tap_add("lengths_like_zydis # SKIP libzydis-dev is not installed", no_zydis);
}
#endif

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}
