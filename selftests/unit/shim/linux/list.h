/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_LIST_H
#define SHIM_LIST_H

#include <linux/compiler.h>
#include <linux/container_of.h>

/* Circular doubly linked lists, and NULL-ended ones with a one-pointer head. */
struct list_head {
	struct list_head *next, *prev;
};

struct hlist_node {
	struct hlist_node *next, **pprev;
};

struct hlist_head {
	struct hlist_node *first;
};

#define LIST_HEAD_INIT(name)	{ &(name), &(name) }
#define LIST_HEAD(name)		struct list_head name = LIST_HEAD_INIT(name)
#define HLIST_HEAD_INIT		{ NULL }

/* What deleted nodes point at: touching it faults. */
#define SHIM_DEAD_NODE		((void *)0x5a5a5a5a5a5a0000)

static inline void INIT_LIST_HEAD(struct list_head *head)
{
	head->next = head->prev = head;
}

static inline void shim_list_join(struct list_head *left, struct list_head *right)
{
	left->next = right;
	right->prev = left;
}

static inline void list_add(struct list_head *node, struct list_head *head)
{
	shim_list_join(node, head->next);
	shim_list_join(head, node);
}

static inline void list_add_tail(struct list_head *node, struct list_head *head)
{
	list_add(node, head->prev);
}

static inline void list_del(struct list_head *node)
{
	shim_list_join(node->prev, node->next);
	node->next = node->prev = SHIM_DEAD_NODE;
}

static inline void list_del_init(struct list_head *node)
{
	shim_list_join(node->prev, node->next);
	INIT_LIST_HEAD(node);
}

static inline void list_move(struct list_head *node, struct list_head *head)
{
	shim_list_join(node->prev, node->next);
	list_add(node, head);
}

static inline void list_move_tail(struct list_head *node, struct list_head *head)
{
	shim_list_join(node->prev, node->next);
	list_add_tail(node, head);
}

static inline bool list_empty(const struct list_head *head)
{
	return head->next == head;
}

static inline bool list_is_singular(const struct list_head *head)
{
	return head->next != head && head->next == head->prev;
}

static inline bool list_is_last(const struct list_head *node, const struct list_head *head)
{
	return node->next == head;
}

static inline void list_splice(struct list_head *from, struct list_head *head)
{
	if (list_empty(from))
		return;
	shim_list_join(from->prev, head->next);
	shim_list_join(head, from->next);
}

static inline void list_splice_tail(struct list_head *from, struct list_head *head)
{
	list_splice(from, head->prev);
}

static inline void list_splice_init(struct list_head *from, struct list_head *head)
{
	list_splice(from, head);
	INIT_LIST_HEAD(from);
}

static inline void list_splice_tail_init(struct list_head *from, struct list_head *head)
{
	list_splice_tail(from, head);
	INIT_LIST_HEAD(from);
}

#define list_entry(ptr, type, member)	container_of(ptr, type, member)
#define list_first_entry(head, type, member) list_entry((head)->next, type, member)
#define list_last_entry(head, type, member) list_entry((head)->prev, type, member)
#define list_first_entry_or_null(head, type, member)			\
	(list_empty(head) ? NULL : list_first_entry(head, type, member))
#define list_next_entry(pos, member)					\
	list_entry((pos)->member.next, __typeof__(*(pos)), member)
#define list_prev_entry(pos, member)					\
	list_entry((pos)->member.prev, __typeof__(*(pos)), member)

#define list_for_each(node, head)					\
	for ((node) = (head)->next; (node) != (head); (node) = (node)->next)
#define list_for_each_entry(pos, head, member)				\
	for ((pos) = list_first_entry(head, __typeof__(*(pos)), member); \
	     &(pos)->member != (head); (pos) = list_next_entry(pos, member))
#define list_for_each_entry_reverse(pos, head, member)			\
	for ((pos) = list_last_entry(head, __typeof__(*(pos)), member);	\
	     &(pos)->member != (head); (pos) = list_prev_entry(pos, member))
#define list_for_each_entry_safe(pos, ahead, head, member)		\
	for ((pos) = list_first_entry(head, __typeof__(*(pos)), member), \
	     (ahead) = list_next_entry(pos, member);			\
	     &(pos)->member != (head);					\
	     (pos) = (ahead), (ahead) = list_next_entry(ahead, member))
#define list_for_each_entry_safe_reverse(pos, ahead, head, member)	\
	for ((pos) = list_last_entry(head, __typeof__(*(pos)), member),	\
	     (ahead) = list_prev_entry(pos, member);			\
	     &(pos)->member != (head);					\
	     (pos) = (ahead), (ahead) = list_prev_entry(ahead, member))

#define INIT_HLIST_HEAD(head)	((void)((head)->first = NULL))

static inline void INIT_HLIST_NODE(struct hlist_node *node)
{
	node->next = NULL;
	node->pprev = NULL;
}

static inline bool hlist_unhashed(const struct hlist_node *node)
{
	return !node->pprev;
}

static inline bool hlist_empty(const struct hlist_head *head)
{
	return !head->first;
}

static inline void hlist_add_head(struct hlist_node *node, struct hlist_head *head)
{
	node->next = head->first;
	node->pprev = &head->first;
	if (node->next)
		node->next->pprev = &node->next;
	head->first = node;
}

static inline void shim_hlist_unlink(struct hlist_node *node)
{
	*node->pprev = node->next;
	if (node->next)
		node->next->pprev = node->pprev;
}

static inline void hlist_del(struct hlist_node *node)
{
	shim_hlist_unlink(node);
	node->next = SHIM_DEAD_NODE;
	node->pprev = SHIM_DEAD_NODE;
}

static inline void hlist_del_init(struct hlist_node *node)
{
	if (hlist_unhashed(node))
		return;
	shim_hlist_unlink(node);
	INIT_HLIST_NODE(node);
}

#define hlist_entry(ptr, type, member)	container_of(ptr, type, member)
#define hlist_entry_safe(ptr, type, member)				\
	({								\
		__typeof__(ptr) shim_p = (ptr);				\
		shim_p ? hlist_entry(shim_p, type, member) : NULL;	\
	})
#define hlist_for_each_entry(pos, head, member)				\
	for ((pos) = hlist_entry_safe((head)->first, __typeof__(*(pos)), member); \
	     (pos);							\
	     (pos) = hlist_entry_safe((pos)->member.next, __typeof__(*(pos)), member))
#define hlist_for_each_entry_safe(pos, ahead, head, member)		\
	for ((pos) = hlist_entry_safe((head)->first, __typeof__(*(pos)), member); \
	     (pos) && ((ahead) = (pos)->member.next, 1);		\
	     (pos) = hlist_entry_safe(ahead, __typeof__(*(pos)), member))

#endif
