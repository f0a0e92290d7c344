// SPDX-License-Identifier: GPL-2.0-only
/* The PIC pair of irq/. */
#define TAP_MAIN
#include "irq_chips.h"

#define MASTER	0x20
#define SLAVE	0xa0
#define EOI	0x20

static void init(u16 port, u8 base, u8 icw4)
{
	pic_out(port, 0x11);
	pic_out(port + 1, base);
	pic_out(port + 1, port == MASTER ? 4 : 2);
	pic_out(port + 1, icw4);
}

/* As an operating system has it, nothing masked. */
static void start(u8 icw4)
{
	host_start();
	init(MASTER, 0x30, icw4);
	init(SLAVE, 0x38, icw4);
	host.told = (struct told){ 0 };
}

static u8 take(void)
{
	CHECK(pic_output(host.chips.pic));
	return pic_take(host.chips.pic);
}

static void idle(void)
{
	CHECK(!pic_output(host.chips.pic));
}

static u8 isr(u16 port)
{
	pic_out(port, 0x0b);
	return pic_in(port);
}

static u8 irr(u16 port)
{
	pic_out(port, 0x0a);
	return pic_in(port);
}

static int pic(unsigned int pin, bool level)
{
	return pic_set_line(host.chips.pic, IRQ_SOURCE_USER, pin, level);
}

static void pulse(unsigned int pin)
{
	pic(pin, true);
	pic(pin, false);
}

TEST(pic_edge_is_kept_and_taken_once)
{
	start(1);
	pulse(3);
	CHECK_EQ(irr(MASTER), 1 << 3);
	CHECK_EQ(take(), 0x33);
	CHECK_EQ(isr(MASTER), 1 << 3);
	CHECK_EQ(irr(MASTER), 0);
	idle();
	pic_out(MASTER, EOI);
	CHECK_EQ(isr(MASTER), 0);
	idle();
	host_end();
}

TEST(pic_edge_that_stays_up_is_one)
{
	start(1);
	pic(3, true);
	CHECK_EQ(take(), 0x33);
	pic_out(MASTER, EOI);
	pic(3, true);
	idle();
	pic(3, false);
	pic(3, true);
	CHECK_EQ(take(), 0x33);
	host_end();
}

TEST(pic_output_tells_the_host_when_it_rises)
{
	start(1);
	pulse(3);
	CHECK_EQ(host.told.extint, 1);
	pulse(4);
	CHECK_EQ(host.told.extint, 1);
	take();
	CHECK_EQ(host.told.extint, 1);
	pic_out(MASTER, EOI);
	CHECK_EQ(host.told.extint, 2);
	host_end();
}

TEST(pic_what_is_left_after_an_intr_ack_is_told)
{
	start(1);
	pulse(3);
	pulse(1);
	CHECK_EQ(take(), 0x31);
	idle();
	pulse(0);
	CHECK_EQ(host.told.extint, 2);
	CHECK_EQ(take(), 0x30);
	host_end();
	start(3);
	pulse(3);
	pulse(1);
	CHECK_EQ(take(), 0x31);
	CHECK_EQ(host.told.extint, 2);
	CHECK_EQ(take(), 0x33);
	host_end();
}

TEST(pic_masked_waits)
{
	start(1);
	pic_out(MASTER + 1, 1 << 3);
	CHECK_EQ(pic(3, true), -1);
	idle();
	CHECK_EQ(host.told.extint, 0);
	CHECK_EQ(pic_in(MASTER + 1), 1 << 3);
	pic_out(MASTER + 1, 0);
	CHECK_EQ(host.told.extint, 1);
	CHECK_EQ(host.told.unmasked[0][3], 1);
	CHECK_EQ(take(), 0x33);
	host_end();
}

TEST(pic_status_of_a_line)
{
	start(1);
	CHECK_EQ(pic(3, true), 1);
	CHECK_EQ(pic(3, true), 1);	/* no edge */
	CHECK_EQ(pic(3, false), 1);
	CHECK_EQ(pic(3, true), 0);	/* coalesced */
	take();
	CHECK_EQ(pic(3, false), 1);
	CHECK_EQ(pic(3, true), 1);
	pic_out(0x4d0, 1 << 5);
	CHECK_EQ(pic(5, true), 1);
	CHECK_EQ(pic(5, true), 0);
	host_end();
}

TEST(pic_sources_are_ored)
{
	struct pic *p;

	start(1);
	p = host.chips.pic;
	pic_out(0x4d0, 1 << 5);
	pic_set_line(p, IRQ_SOURCE_USER, 5, true);
	pic_set_line(p, IRQ_SOURCE_RESAMPLE, 5, true);
	pic_set_line(p, IRQ_SOURCE_STATUS, 5, false);
	CHECK(pic_output(p));
	pic_set_line(p, IRQ_SOURCE_RESAMPLE, 5, false);
	idle();
	pic_set_line(p, IRQ_SOURCE_STATUS, 5, true);
	pic_set_line(p, IRQ_SOURCE_USER, 5, false);
	idle();
	host_end();
}

TEST(pic_level_comes_again_while_up)
{
	start(1);
	pic_out(0x4d0, 1 << 5);
	pic(5, true);
	CHECK_EQ(take(), 0x35);
	idle();
	pic_out(MASTER, EOI);
	CHECK_EQ(take(), 0x35);
	pic(5, false);
	pic_out(MASTER, EOI);
	idle();
	host_end();
}

TEST(pic_elcr_has_pins_that_are_always_edges)
{
	start(1);
	pic_out(0x4d0, 0xff);
	pic_out(0x4d1, 0xff);
	CHECK_EQ(pic_in(0x4d0), 0xf8);
	CHECK_EQ(pic_in(0x4d1), 0xde);
	pulse(0);
	CHECK_EQ(take(), 0x30);
	host_end();
}

TEST(pic_elcr_turns_an_edge_into_its_line)
{
	start(1);
	pulse(5);
	pic(6, true);
	take();
	pic_out(MASTER, EOI);
	CHECK_EQ(take(), 0x36);
	pic_out(MASTER, EOI);
	pulse(5);
	pic_out(0x4d0, 1 << 5 | 1 << 6);
	CHECK_EQ(irr(MASTER), 1 << 6);
	host_end();
}

TEST(pic_priorities_nest)
{
	start(1);
	pulse(4);
	CHECK_EQ(take(), 0x34);
	pulse(4);
	pulse(6);
	idle();
	pulse(1);
	CHECK_EQ(take(), 0x31);
	CHECK_EQ(isr(MASTER), 1 << 1 | 1 << 4);
	pic_out(MASTER, EOI);
	CHECK_EQ(isr(MASTER), 1 << 4);
	pic_out(MASTER, 0x64);
	CHECK_EQ(isr(MASTER), 0);
	CHECK_EQ(take(), 0x34);
	host_end();
}

TEST(pic_acks_reach_the_host)
{
	start(1);
	pulse(4);
	take();
	CHECK_EQ(host.told.acked[0][4], 0);
	pic_out(MASTER, EOI);
	CHECK_EQ(host.told.acked[0][4], 1);
	pic_out(MASTER, EOI);
	CHECK_EQ(host.told.acked[0][4], 1);
	pulse(12);
	CHECK_EQ(take(), 0x3c);
	pic_out(SLAVE, 0x64);
	CHECK_EQ(host.told.acked[1][4], 1);
	pic_out(MASTER, 0x62);
	CHECK_EQ(host.told.acked[0][2], 1);
	host_end();
}

TEST(pic_cascade)
{
	start(1);
	pulse(11);
	CHECK_EQ(irr(MASTER), 1 << 2);
	CHECK_EQ(take(), 0x3b);
	CHECK_EQ(isr(MASTER), 1 << 2);
	CHECK_EQ(isr(SLAVE), 1 << 3);
	pulse(9);	/* of the slave's higher priority, but the master's pin is in service */
	idle();
	pulse(1);
	CHECK_EQ(take(), 0x31);
	pic_out(MASTER, EOI);
	pic_out(MASTER, EOI);
	CHECK_EQ(take(), 0x39);
	host_end();
}

TEST(pic_special_fully_nested_mode)
{
	start(1);
	init(MASTER, 0x30, 0x11);
	pulse(11);
	CHECK_EQ(take(), 0x3b);
	pulse(12);
	idle();
	pulse(9);
	CHECK_EQ(take(), 0x39);
	host_end();
}

TEST(pic_spurious)
{
	start(1);
	CHECK_EQ(pic_take(host.chips.pic), 0x37);
	CHECK_EQ(isr(MASTER), 0);
	pic_out(0x4d0, 1 << 5);
	pic(5, true);
	pic(5, false);
	CHECK_EQ(pic_take(host.chips.pic), 0x37);
	pic_out(0x4d1, 1 << 2);
	pic(10, true);
	pic(10, false);
	CHECK_EQ(take(), 0x3f);
	CHECK_EQ(isr(MASTER), 1 << 2);
	CHECK_EQ(isr(SLAVE), 0);
	host_end();
}

TEST(pic_automatic_eoi)
{
	start(3);
	pulse(4);
	CHECK_EQ(take(), 0x34);
	CHECK_EQ(isr(MASTER), 0);
	CHECK_EQ(host.told.acked[0][4], 1);
	pulse(12);
	CHECK_EQ(take(), 0x3c);
	CHECK_EQ(host.told.acked[1][4], 1);
	CHECK_EQ(host.told.acked[0][2], 1);
	host_end();
}

TEST(pic_rotation)
{
	start(1);
	pulse(4);
	take();
	pic_out(MASTER, 0xa0);	/* and 4 is the lowest */
	pulse(4);
	pulse(5);
	CHECK_EQ(take(), 0x35);
	pic_out(MASTER, 0xe5);	/* by name */
	pulse(6);
	pulse(5);
	CHECK_EQ(take(), 0x36);
	pic_out(MASTER, EOI);
	pic_out(MASTER, 0xc3);	/* 3 is the lowest, so 4 the highest */
	CHECK_EQ(take(), 0x34);
	host_end();
}

TEST(pic_rotation_in_automatic_mode)
{
	start(3);
	pic_out(MASTER, 0x80);
	pulse(4);
	take();
	pulse(4);
	pulse(6);
	CHECK_EQ(take(), 0x36);
	pic_out(MASTER, 0x00);
	pulse(1);
	CHECK_EQ(take(), 0x31);
	pulse(1);
	CHECK_EQ(take(), 0x31);
	host_end();
}

TEST(pic_special_mask_mode)
{
	start(1);
	pulse(3);
	take();
	pulse(6);
	pic_out(MASTER + 1, 1 << 3);
	idle();
	pic_out(MASTER, 0x68);
	CHECK_EQ(take(), 0x36);
	pic_out(MASTER, EOI);
	CHECK_EQ(isr(MASTER), 1 << 3);
	pic_out(MASTER, EOI);	/* what is masked is not ended so */
	CHECK_EQ(isr(MASTER), 1 << 3);
	pic_out(MASTER, 0x48);
	pulse(6);
	idle();
	host_end();
}

TEST(pic_poll)
{
	start(1);
	pic_out(MASTER, 0x0c);
	CHECK_EQ(pic_in(MASTER), 0);
	pulse(5);
	pic_out(MASTER, 0x0c);
	CHECK_EQ(pic_in(MASTER), 0x85);
	CHECK_EQ(isr(MASTER), 1 << 5);
	idle();
	pic_out(MASTER, EOI);
	pulse(13);
	pic_out(SLAVE, 0x0c);
	CHECK_EQ(pic_in(SLAVE + 1), 0x85);
	CHECK_EQ(isr(SLAVE), 1 << 5);
	CHECK_EQ(irr(MASTER), 0);
	idle();
	host_end();
}

TEST(pic_init_sequence)
{
	start(3);
	pulse(4);
	pic(6, true);
	take();
	pulse(3);
	pic_out(MASTER + 1, 0xff);
	pic_out(MASTER, 0x68);
	pic_out(MASTER, 0x10);	/* without ICW4 */
	pic_out(MASTER + 1, 0x4f);
	pic_out(MASTER + 1, 4);
	CHECK_EQ(pic_in(MASTER + 1), 0);
	CHECK_EQ(irr(MASTER), 0);
	pic_out(MASTER + 1, 1);
	CHECK_EQ(pic_in(MASTER + 1), 1);
	pulse(5);
	CHECK_EQ(take(), 0x4d);
	CHECK_EQ(isr(MASTER), 1 << 5);	/* no automatic EOI any more */
	host_end();
}

TEST(pic_init_acks_what_it_forgets)
{
	start(1);
	pulse(4);
	take();
	pulse(3);
	pic_out(0x4d0, 1 << 5);
	pic(5, true);
	init(MASTER, 0x30, 1);
	CHECK_EQ(host.told.acked[0][3], 1);
	CHECK_EQ(host.told.acked[0][4], 1);
	CHECK_EQ(host.told.acked[0][5], 0);
	CHECK_EQ(take(), 0x35);
	host_end();
}

TEST(pic_line_set_within_an_ack)
{
	start(1);
	pulse(4);
	take();
	host.on_acked = NULL;
	pic_out(0x4d0, 1 << 5);
	pic_set_line(host.chips.pic, IRQ_SOURCE_RESAMPLE, 5, true);
	pic_out(MASTER, EOI);
	CHECK_EQ(take(), 0x35);
	host_end();
}

/* ---- state ---- */

static void copy(void)
{
	struct kvm_pic_state state[2];
	struct pic *old = host.chips.pic;

	pic_get_state(old, 0, &state[0]);
	pic_get_state(old, 1, &state[1]);
	host.chips.pic = pic_create(&host.chips);
	CHECK_EQ(pic_set_state(host.chips.pic, 0, &state[0]), 0);
	CHECK_EQ(pic_set_state(host.chips.pic, 1, &state[1]), 0);
	pic_destroy(old);
}

TEST(pic_state_needs_no_other_event)
{
	start(1);
	pulse(12);
	host.told.extint = 0;
	copy();
	CHECK_NE(host.told.extint, 0);
	CHECK_EQ(take(), 0x3c);
	copy();
	idle();
	pic_out(SLAVE, EOI);
	pic_out(MASTER, EOI);
	pulse(12);
	copy();
	CHECK_EQ(take(), 0x3c);
	host_end();
}

TEST(pic_state_of_an_old_slave_leaves_nothing_in_a_new_master)
{
	struct kvm_pic_state clean[2];

	host_start();
	pic_get_state(host.chips.pic, 0, &clean[0]);
	pic_get_state(host.chips.pic, 1, &clean[1]);
	init(MASTER, 0x30, 1);
	init(SLAVE, 0x38, 1);
	pulse(12);
	pic_set_state(host.chips.pic, 0, &clean[0]);
	pic_set_state(host.chips.pic, 1, &clean[1]);
	idle();
	CHECK_EQ(irr(MASTER), 0);
	host_end();
}

TEST(pic_state_format)
{
	struct kvm_pic_state s;

	start(3);
	pic_out(0x4d1, 0xff);
	pic_out(SLAVE + 1, 0xf0);
	pic_out(SLAVE, 0xc2);
	pic_out(SLAVE, 0x0b);
	pic_out(SLAVE, 0x68);
	pic_out(SLAVE, 0x80);
	pic(8, true);
	pic(13, true);
	pic_out(MASTER, 0x0c);
	pic_get_state(host.chips.pic, KVM_IRQCHIP_PIC_SLAVE, &s);
	CHECK_EQ(s.last_irr, 0x21);
	CHECK_EQ(s.irr, 0x21);
	CHECK_EQ(s.imr, 0xf0);
	CHECK_EQ(s.isr, 0);
	CHECK_EQ(s.priority_add, 3);
	CHECK_EQ(s.irq_base, 0x38);
	CHECK_EQ(s.read_reg_select, 1);
	CHECK_EQ(s.special_mask, 1);
	CHECK_EQ(s.init_state, 0);
	CHECK_EQ(s.auto_eoi, 1);
	CHECK_EQ(s.rotate_on_auto_eoi, 1);
	CHECK_EQ(s.special_fully_nested_mode, 0);
	CHECK_EQ(s.init4, 1);
	CHECK_EQ(s.elcr, 0xde);
	CHECK_EQ(s.elcr_mask, 0xde);
	pic_get_state(host.chips.pic, KVM_IRQCHIP_PIC_MASTER, &s);
	CHECK_EQ(s.poll, 1);
	CHECK_EQ(s.elcr_mask, 0xf8);
	host_end();
}

static void random_op(u64 *seed)
{
	static const u16 ports[] = { 0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1 };
	u16 port = ports[splitmix(seed) % 6];

	switch (splitmix(seed) % 8) {
	case 0:
		pic_in(port);
		break;
	case 1:
	case 2:
		pic_take(host.chips.pic);
		break;
	case 3:
	case 4:
	case 5:
		pic_set_line(host.chips.pic, splitmix(seed) % 4, splitmix(seed) % 16,
			     splitmix(seed) & 1);
		break;
	default:
		pic_out(port, splitmix(seed) & (port & 1 ? 0xff : splitmix(seed)));
	}
}

TEST(pic_hostile_state)
{
	struct kvm_pic_state s;
	u64 seed = 1;
	int i, n;

	host_start();
	for (i = 0; i < 20000; i++) {
		for (n = 0; n < (int)sizeof(s); n++)
			((u8 *)&s)[n] = splitmix(&seed);
		CHECK_EQ(pic_set_state(host.chips.pic, i & 1, &s), 0);
		for (n = 0; n < 10; n++)
			random_op(&seed);
		pic_get_state(host.chips.pic, i & 1, &s);
		CHECK(s.priority_add < 8 && s.init_state < 4 && s.auto_eoi < 2);
		CHECK_EQ(s.elcr & ~s.elcr_mask, 0);
	}
	host_end();
}

/* Two pairs, one of which is read and put into a new one after each step, go the same way. */
TEST(pic_state_has_all)
{
	u64 seed, other;
	int program, i;

	for (program = 0; program < 500; program++) {
		struct pic *plain;

		start(program & 3);
		plain = host.chips.pic;
		host.chips.pic = pic_create(&host.chips);
		init(MASTER, 0x30, program & 3);
		init(SLAVE, 0x38, program & 3);
		seed = program;
		for (i = 0; i < 60; i++) {
			struct pic *second = host.chips.pic;
			struct kvm_pic_state a, b;

			other = seed;
			host.chips.pic = plain;
			random_op(&other);
			host.chips.pic = second;
			random_op(&seed);
			pic_get_state(plain, i & 1, &a);
			pic_get_state(second, i & 1, &b);
			CHECK(!memcmp(&a, &b, sizeof(a)));
			CHECK_EQ(pic_output(plain), pic_output(second));
			pic_get_state(second, 0, &a);
			pic_get_state(second, 1, &b);
			pic_set_state(second, 0, &a);
			pic_set_state(second, 1, &b);
		}
		pic_destroy(plain);
		host_end();
	}
}

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}
