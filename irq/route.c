// SPDX-License-Identifier: GPL-2.0-only
/* From a GSI to the pins of chips that it drives, or to its MSI. */
#include <linux/bits.h>
#include <linux/errno.h>
#include <linux/minmax.h>
#include <linux/nospec.h>
#include <linux/string.h>

#include "irqchip.h"

#define MSI_REDIRECT	BIT(3)	/* of the address: the redirection hint */
#define MSI_LOGICAL	BIT(2)
#define MSI_LEVEL	BIT(15)	/* of the data */

size_t irq_routes_size(u32 nr)
{
	return sizeof(struct irq_routes) + nr * sizeof(struct irq_route);
}

int irq_msi(struct irq_msg *msg, const struct irq_chips *chips, u32 address, u32 address_hi,
	    u32 data)
{
	if (chips->wide_ids && address_hi & 0xff)
		return -EINVAL;
	*msg = (struct irq_msg) {
		.dest = (address >> 12) & 0xff,
		.wide = chips->wide_ids,
		.logical = address & MSI_LOGICAL,
		.mode = (data >> 8) & 7,
		.vector = data & 0xff,
		.level = data & MSI_LEVEL,
		.assert = true,
	};
	if (chips->wide_ids)
		msg->dest |= address_hi;
	if (address & MSI_REDIRECT && msg->mode == IRQ_FIXED)
		msg->mode = IRQ_LOWEST;
	return 0;
}

static int fill_pin(const struct irq_chips *chips, struct irq_route *route,
		    const struct kvm_irq_routing_irqchip *to)
{
	bool ioapic = to->irqchip == KVM_IRQCHIP_IOAPIC;

	if (to->irqchip > KVM_IRQCHIP_IOAPIC || to->pin >= (ioapic ? IOAPIC_PINS : 8))
		return -EINVAL;
	if (ioapic ? !chips->ioapic : !chips->pic)
		return -EINVAL;
	route->chip = to->irqchip;
	route->pin = to->pin;
	return 0;
}

static int fill_route(const struct irq_chips *chips, struct irq_route *route,
		      const struct kvm_irq_routing_entry *entry)
{
	const struct kvm_irq_routing_msi *msi = &entry->u.msi;

	*route = (struct irq_route) { .gsi = entry->gsi, .chip = IRQ_ROUTE_MSI };
	switch (entry->type) {
	case KVM_IRQ_ROUTING_IRQCHIP:
		return entry->flags ? -EINVAL : fill_pin(chips, route, &entry->u.irqchip);
	case KVM_IRQ_ROUTING_MSI:
		if (entry->flags & ~KVM_MSI_VALID_DEVID)
			return -EINVAL;
		return irq_msi(&route->msi, chips, msi->address_lo, msi->address_hi, msi->data);
	default:
		return -EINVAL;
	}
}

/* Counts, then sums: first[gsi] is where its routes begin, moved on to the end as they come in. */
static int count_routes(struct irq_routes *routes, const struct kvm_irq_routing_entry *entry,
			u32 nr)
{
	u16 sum = 0, count;
	u32 i;

	memset(routes->first, 0, sizeof(routes->first));
	memset(routes->gsi, -1, sizeof(routes->gsi));
	for (i = 0; i < nr; i++) {
		if (entry[i].gsi >= IRQ_MAX_GSIS)
			return -EINVAL;
		routes->first[entry[i].gsi]++;
	}
	for (i = 0; i <= IRQ_MAX_GSIS; i++) {
		count = routes->first[i];
		routes->first[i] = sum;
		sum += count;
	}
	routes->nr = nr;
	return 0;
}

/* To each chip once, or a message alone. */
static bool is_clash(const struct irq_route *first, const struct irq_route *route)
{
	for (; first < route; first++)
		if (first->chip == route->chip || first->chip == IRQ_ROUTE_MSI ||
		    route->chip == IRQ_ROUTE_MSI)
			return true;
	return false;
}

static int check_routes(struct irq_routes *routes)
{
	struct irq_route *route, *first = routes->route;

	for (route = routes->route; route < routes->route + routes->nr; route++) {
		if (route->gsi != first->gsi)
			first = route;
		if (is_clash(first, route))
			return -EINVAL;
	}
	return 0;
}

int irq_routes_fill(const struct irq_chips *chips, struct irq_routes *routes,
		    const struct kvm_irq_routing_entry *entry, u32 nr)
{
	struct irq_route *route;
	u32 i;

	if (nr > IRQ_MAX_GSIS || count_routes(routes, entry, nr))
		return -EINVAL;
	for (i = 0; i < nr; i++) {
		route = &routes->route[routes->first[entry[i].gsi]++];
		if (fill_route(chips, route, &entry[i]))
			return -EINVAL;
		if (route->chip != IRQ_ROUTE_MSI)
			routes->gsi[route->chip][route->pin] = route->gsi;
	}
	memmove(routes->first + 1, routes->first, IRQ_MAX_GSIS * sizeof(*routes->first));
	routes->first[0] = 0;
	return check_routes(routes);
}

void irq_routes_default(struct irq_routes *routes)
{
	struct irq_route *route = routes->route;
	unsigned int gsi;

	routes->nr = IRQ_DEFAULT_ROUTES;
	memset(routes->gsi, -1, sizeof(routes->gsi));
	for (gsi = 0; gsi < IOAPIC_PINS; gsi++) {
		routes->first[gsi] = route - routes->route;
		if (gsi < 16) {
			*route++ = (struct irq_route) {
				.gsi = gsi, .chip = gsi / 8, .pin = gsi % 8 };
			routes->gsi[gsi / 8][gsi % 8] = gsi;
		}
		*route++ = (struct irq_route) {
			.gsi = gsi, .chip = KVM_IRQCHIP_IOAPIC, .pin = gsi };
		routes->gsi[KVM_IRQCHIP_IOAPIC][gsi] = gsi;
	}
	for (; gsi <= IRQ_MAX_GSIS; gsi++)
		routes->first[gsi] = IRQ_DEFAULT_ROUTES;
}

int irq_routes_gsi(const struct irq_routes *routes, unsigned int chip, unsigned int pin)
{
	return routes->gsi[chip][pin];
}

static int set_route(struct irq_chips *chips, const struct irq_route *route,
		     enum irq_source source, bool level)
{
	switch (route->chip) {
	case IRQ_ROUTE_MSI:
		return level ? irq_deliver(chips, NULL, &route->msi) : -1;
	case KVM_IRQCHIP_IOAPIC:
		return ioapic_set_line(chips->ioapic, source, route->pin, level);
	default:
		return pic_set_line(chips->pic, source, route->chip * 8 + route->pin, level);
	}
}

int irq_set_line(struct irq_chips *chips, const struct irq_routes *routes,
		 enum irq_source source, u32 gsi, bool level)
{
	int ret = -1, one;
	u16 i;

	if (gsi >= IRQ_MAX_GSIS)
		return -1;
	gsi = array_index_nospec(gsi, IRQ_MAX_GSIS);
	for (i = routes->first[gsi]; i < routes->first[gsi + 1]; i++) {
		one = set_route(chips, &routes->route[i], source, level);
		if (one >= 0)
			ret = max(ret, 0) + one;
	}
	return ret;
}
