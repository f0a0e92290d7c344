// SPDX-License-Identifier: GPL-2.0-only
/* The pair of 8259A interrupt controllers of a PC, without the poll command. */
#include <string.h>

#include "devices.h"

#define CASCADE		2
#define SPURIOUS	7

#define ICW1_INIT	0x10
#define ICW1_ICW4	0x01
#define ICW4_AEOI	0x02
#define ICW4_SFNM	0x10
#define OCW3_SELECT	0x08
#define OCW2_EOI	0x20
#define OCW2_SPECIFIC	0x40
#define OCW2_ROTATE	0x80

/* How many lines are ahead of this one; 8 when none is set. */
static unsigned int first_set(const struct pic_chip *chip, u8 mask)
{
	unsigned int rank;

	for (rank = 0; rank < 8; rank++)
		if (mask & (1 << ((chip->lowest + 1 + rank) & 7)))
			return rank;
	return 8;
}

static unsigned int rank_to_line(const struct pic_chip *chip, unsigned int rank)
{
	return (chip->lowest + 1 + rank) & 7;
}

/* The line that the chip asks service for, or -1. */
static int chip_request(const struct pic_chip *chip)
{
	u8 in_service = chip->isr;
	unsigned int rank = first_set(chip, chip->irr & ~chip->imr);

	if (rank == 8)
		return -1;
	if (chip->special_mask)
		in_service &= ~chip->imr;
	if (chip->fully_nested && !chip->slave)
		in_service &= ~(1 << CASCADE);
	if (rank >= first_set(chip, in_service))
		return -1;
	return rank_to_line(chip, rank);
}

static void chip_set_line(struct pic_chip *chip, unsigned int line, bool level)
{
	u8 bit = 1 << line;

	if (chip->elcr & bit)
		chip->irr = level ? chip->irr | bit : chip->irr & ~bit;
	else if (!level)
		chip->irr &= ~bit;
	else if (!(chip->lines & bit))
		chip->irr |= bit;
	chip->lines = level ? chip->lines | bit : chip->lines & ~bit;
}

static void pic_update(struct pic *pic)
{
	bool intr;

	/* The slave's output pulses at each new request, so the cascade counts as a level. */
	if (chip_request(&pic->chip[1]) >= 0)
		pic->chip[0].irr |= 1 << CASCADE;
	else
		pic->chip[0].irr &= ~(1 << CASCADE);

	intr = chip_request(&pic->chip[0]) >= 0;
	if (intr == pic->intr)
		return;
	pic->intr = intr;
	if (pic->intr_changed)
		pic->intr_changed(pic->opaque);
}

static void chip_ack(struct pic_chip *chip, unsigned int line)
{
	if (!(chip->elcr & (1 << line)))
		chip->irr &= ~(1 << line);
	if (!chip->auto_eoi)
		chip->isr |= 1 << line;
	else if (chip->rotate_on_aeoi)
		chip->lowest = line;
}

static u8 chip_take(struct pic_chip *chip)
{
	int line = chip_request(chip);

	if (line < 0)
		return chip->base + SPURIOUS;
	chip_ack(chip, line);
	return chip->base + line;
}

/* The processor's acknowledge cycle: returns the vector. */
u8 pic_ack(struct pic *pic)
{
	int line = chip_request(&pic->chip[0]);
	u8 vector = chip_take(&pic->chip[0]);

	if (line == CASCADE)
		vector = chip_take(&pic->chip[1]);
	pic_update(pic);
	return vector;
}

void pic_set_line(struct pic *pic, unsigned int line, bool level)
{
	chip_set_line(&pic->chip[line >> 3], line & 7, level);
	pic_update(pic);
}

/* One edge, from a device that holds its line high otherwise. */
void pic_pulse(struct pic *pic, unsigned int line)
{
	struct pic_chip *chip = &pic->chip[line >> 3];

	chip->lines &= ~(1 << (line & 7));
	pic_set_line(pic, line, true);
}

bool pic_is_pending(const struct pic *pic, unsigned int line)
{
	return pic->chip[line >> 3].irr & (1 << (line & 7));
}

bool pic_is_masked(const struct pic *pic, unsigned int line)
{
	return pic->chip[line >> 3].imr & (1 << (line & 7));
}

static void chip_init_command(struct pic_chip *chip, u8 value)
{
	/* Edges seen before do not count any more; levels still do. */
	chip->irr &= chip->elcr & chip->lines;
	chip->imr = 0;
	chip->isr = 0;
	chip->lowest = 7;
	chip->special_mask = false;
	chip->fully_nested = false;
	chip->auto_eoi = false;
	chip->rotate_on_aeoi = false;
	chip->read_isr = false;
	chip->need_icw4 = value & ICW1_ICW4;
	chip->icw = 2;
}

static void chip_eoi(struct pic_chip *chip, u8 value)
{
	unsigned int line = value & 7;

	if (!(value & OCW2_SPECIFIC)) {
		u8 in_service = chip->special_mask ? chip->isr & ~chip->imr : chip->isr;
		unsigned int rank = first_set(chip, in_service);

		if (rank == 8)
			return;
		line = rank_to_line(chip, rank);
	}
	chip->isr &= ~(1 << line);
	if (value & OCW2_ROTATE)
		chip->lowest = line;
}

static void chip_ocw2(struct pic_chip *chip, u8 value)
{
	if (value & OCW2_EOI)
		chip_eoi(chip, value);
	else if ((value & (OCW2_ROTATE | OCW2_SPECIFIC)) == (OCW2_ROTATE | OCW2_SPECIFIC))
		chip->lowest = value & 7;
	else if (!(value & OCW2_SPECIFIC))
		chip->rotate_on_aeoi = value & OCW2_ROTATE;
}

static void chip_ocw3(struct pic_chip *chip, u8 value)
{
	if (value & 0x02)
		chip->read_isr = value & 0x01;
	if (value & 0x40)
		chip->special_mask = value & 0x20;
}

static void chip_command(struct pic_chip *chip, u8 value)
{
	if (value & ICW1_INIT)
		chip_init_command(chip, value);
	else if (value & OCW3_SELECT)
		chip_ocw3(chip, value);
	else
		chip_ocw2(chip, value);
}

static void chip_data(struct pic_chip *chip, u8 value)
{
	switch (chip->icw) {
	case 0:
		chip->imr = value;
		break;
	case 2:
		chip->base = value & 0xf8;
		chip->icw = 3;
		break;
	case 3:
		chip->icw = chip->need_icw4 ? 4 : 0;
		break;
	case 4:
		chip->auto_eoi = value & ICW4_AEOI;
		chip->fully_nested = value & ICW4_SFNM;
		chip->icw = 0;
		break;
	}
}

static void chip_set_elcr(struct pic_chip *chip, u8 value)
{
	chip->elcr = value & chip->elcr_mask;
	chip->irr = (chip->irr & ~chip->elcr) | (chip->lines & chip->elcr);
}

u8 pic_read(struct pic *pic, u16 port)
{
	const struct pic_chip *chip = &pic->chip[port >= 0xa0 && port != 0x4d0];

	if (port >= 0x4d0)
		return chip->elcr;
	if (port & 1)
		return chip->imr;
	return chip->read_isr ? chip->isr : chip->irr;
}

void pic_write(struct pic *pic, u16 port, u8 value)
{
	struct pic_chip *chip = &pic->chip[port >= 0xa0 && port != 0x4d0];

	if (port >= 0x4d0)
		chip_set_elcr(chip, value);
	else if (port & 1)
		chip_data(chip, value);
	else
		chip_command(chip, value);
	pic_update(pic);
}

void pic_init(struct pic *pic, void (*intr_changed)(void *opaque), void *opaque)
{
	memset(pic, 0, sizeof(*pic));
	pic->chip[0].elcr_mask = 0xf8;
	pic->chip[1].elcr_mask = 0xde;
	pic->chip[1].slave = true;
	pic->chip[0].lowest = 7;
	pic->chip[1].lowest = 7;
	pic->chip[0].imr = 0xff;
	pic->chip[1].imr = 0xff;
	pic->chip[1].base = 8;
	pic->intr_changed = intr_changed;
	pic->opaque = opaque;
}
