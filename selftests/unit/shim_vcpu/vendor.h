/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UMBRA_SHIM_VENDOR_H
#define UMBRA_SHIM_VENDOR_H

struct vcpu;
struct kvm_segment;

#define vendor(op) vendor_##op

void vendor_get_segment(struct vcpu *vcpu, int seg, struct kvm_segment *out);

#endif
