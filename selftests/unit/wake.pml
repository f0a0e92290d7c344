// SPDX-License-Identifier: GPL-2.0-only
/*
 * A model for spin of how others reach a vCPU: halt.c, request.c, run.c, irq/deliver.c, chips.c.
 *
 * What was made visible to a vCPU is taken by it: it enters its guest with it, or wakes. The guest
 * here is the worst there is: once in guest mode it may stay until its processor is interrupted,
 * and a halted one until it is woken. So what gets lost is a deadlock, which spin finds. What a
 * vCPU is made to forget is an assertion: memory that was given back is not used.
 *
 * Memory is a word for each thing. A store waits in a buffer of its processor until the process
 * memory() carries it out: in order (TSO: x86), or with WEAK in any order. There atomic operations
 * without a result wait as well, as Linux's memory model allows; the comments on barriers in the
 * code are about that one. Loads are done in order.
 *
 * wake.sh says what is sent, and which bug is planted.
 */

#define CAP 4		/* stores that a buffer holds */

/* Words of memory. */
#define IRR	0	/* a vector of the APIC; VECTOR_DATA is what its handler reads */
#define DATA	1
#define NMIS	2	/* vcpu.nmis */
#define INIT	3	/* apic.pending */
#define SIPI	4
#define PAGE	5	/* apic.sipi_vector */
#define PIC	6	/* pic.request */
#define LINT0	7	/* does the APIC pass it on? */
#define EVENT	8	/* vcpu.requests: REQ_EVENT, REQ_NMI, REQ_FLUSH_TLB */
#define NMI	9
#define FLUSH	10
#define WHERE	11	/* vcpu.where: in guest mode? */
#define CPU	12	/* vcpu.cpu */
#define WAITER	13	/* vcpu.wait.task */
#define STATE	14	/* of the thread: 1: it is about to sleep, or does */
#define FRAME	15	/* the host's frame behind a guest's page */
#define SPTE	16	/* maps it */
#define WORDS	17

#define ADD	255	/* a store that adds 1 */

byte word[WORDS];
chan buffer[3] = [CAP] of { byte, byte };

/* The machine as it is: where the vCPU's thread runs, and whether interrupts are off there. */
bit cpu, irqs_off, ipi;
/* What the vCPU has got. */
byte seen, nmis;
bit started, extint, reset;
/* Its TLB has the frame, which the host has given away. */
bit stale = 1, freed;

#define store(w, v)	buffer[me]!w,v
#define mb()		(len(buffer[me]) == 0)
#define mb_but(b)	(bug == b || len(buffer[me]) == 0)
/* An atomic operation with a result, and without. */
#define rmw(w, v)	atomic { mb() -> word[w] = v }
#ifdef WEAK
#define void_rmw(w, v)	store(w, v)
#define release(w, v)	mb(); store(w, v)
#else
#define void_rmw(w, v)	atomic { mb() -> if :: v == ADD -> word[w]++ :: else -> word[w] = v fi }
#define release(w, v)	store(w, v)
#endif

/* What is sent, and which bug is planted: sums of S_*, BUG_*; from the environment of wake.sh. */
#define S_IPI		1
#define S_NMI		2
#define S_SIPI		4
#define S_EXTINT	8
#define S_FLUSH		16
byte sends, bug;

#define BUG_ENTER_BARRIER	1
#define BUG_STATE_BARRIER	2
#define BUG_EXTINT_BARRIER	3
#define BUG_INIT_MISSED		4
#define BUG_NO_KICK		5
#define BUG_NO_WAKE_UP		6
#define BUG_NO_LOOK		7
#define BUG_LOOK_FIRST		8
#define BUG_REQUEST_LAST	9
#define BUG_COUNT_LAST		10
#define BUG_ALL_NO_WAIT		11
#define BUG_KICK_BARRIER	12
#define BUG_ALL_BARRIER		13
#define BUG_TAKE_BARRIER	14
#define BUG_REQUEST_BARRIER	15
#define BUG_SIPI_BARRIER	16
#define BUG_LEAVE_RELEASE	17

#define SENT(s, n)	((sends & s) -> n : 0)
#define all_taken (seen == SENT(S_IPI, 2) && nmis == SENT(S_NMI, 2) && started == SENT(S_SIPI, 1) &&	\
		   extint == SENT(S_EXTINT, 1) && freed == SENT(S_FLUSH, 1))

/* ---- memory ---- */

#define IN_ORDER(p)							\
	:: d_step { buffer[p]?w,v ->					\
		   assert(w != FRAME || p != 0 || !freed);		\
		   if :: v == ADD -> word[w]++ :: else -> word[w] = v fi; w = 0; v = 0 }
#define ANY(p, n)							\
	:: d_step { buffer[p]??n,v ->					\
		   assert(n != FRAME || p != 0 || !freed);		\
		   if :: v == ADD -> word[n]++ :: else -> word[n] = v fi; v = 0 }
#define IN_ANY_ORDER(p)							\
	ANY(p, IRR) ANY(p, DATA) ANY(p, NMIS) ANY(p, INIT) ANY(p, SIPI) ANY(p, PAGE)	\
	ANY(p, PIC) ANY(p, LINT0) ANY(p, EVENT) ANY(p, NMI) ANY(p, FLUSH) ANY(p, WHERE)	\
	ANY(p, CPU) ANY(p, WAITER) ANY(p, STATE) ANY(p, FRAME) ANY(p, SPTE)

active proctype memory()
{
	byte w, v;

end:
	do
#ifdef WEAK
	IN_ANY_ORDER(0)
	IN_ANY_ORDER(1)
	IN_ANY_ORDER(2)
#else
	IN_ORDER(0)
	IN_ORDER(1)
	IN_ORDER(2)
#endif
	od
}

/* ---- request.c ---- */

inline vcpu_request(r)
{
	mb_but(BUG_REQUEST_BARRIER);
	void_rmw(r, 1)
}

/* Taken at once by a processor that has interrupts on. */
inline interrupt(to)
{
	d_step {
		if
		:: to == cpu && irqs_off -> ipi = 1
		:: else
		fi
	}
}

/* try_to_wake_up() looks at the state under a lock, behind a full barrier. */
inline vcpu_kick()
{
	mb_but(BUG_KICK_BARRIER);
	if
	:: word[WAITER] && bug != BUG_NO_WAKE_UP -> rmw(STATE, 0)
	:: else
	fi;
	to = word[CPU];
	if
	:: word[WHERE] && bug != BUG_NO_KICK -> interrupt(to)
	:: else
	fi;
	to = 0
}

/* ---- the vCPU ---- */

inline take_request(r, taken)
{
	if
	:: word[r] ->
		void_rmw(r, 0);
		mb_but(BUG_TAKE_BARRIER);
		taken = 1
	:: else -> taken = 0
	fi
}

/* The thread is on another processor now. Who switches threads has full barriers around it. */
inline move()
{
	if
	:: !moved ->
		moved = 1;
		mb();
		cpu = 1 - cpu;
		store(CPU, cpu);
		mb()
	:: true
	fi
}

/* halt.c: vcpu_accept_sipi() */
inline accept_sipi()
{
	if
	:: word[INIT] || word[SIPI] ->
		if
		:: word[INIT] -> rmw(INIT, 0); reset = 1; halted = 0
		:: else
		fi;
		if
		:: word[SIPI] ->
			rmw(SIPI, 0);
			assert(word[PAGE] == 1);
			started = reset;
			reset = 0
		:: else
		fi
	:: else
	fi
}

/* halt.c: has_event(), is_woken(). */
inline look(found)
{
	found = 0;
	if
	:: word[INIT] || word[SIPI] -> found = 1
	:: else
	fi;
	if
	:: halted && word[NMI] -> found = 1
	:: else
	fi;
	if
	:: halted && word[IRR] -> found = 1
	:: else
	fi;
	if
	:: halted && lint0 && word[PIC] -> found = 1
	:: else
	fi
}

inline say_that_it_waits()
{
	store(STATE, 1);
	mb_but(BUG_STATE_BARRIER)
}

/* halt.c: wait_for_event(). schedule() has a full barrier before it looks at the state. */
inline wait_for_event()
{
	release(WAITER, 1);
	do
	:: true ->
		if
		:: bug == BUG_LOOK_FIRST -> look(x); say_that_it_waits()
		:: else -> say_that_it_waits(); look(x)
		fi;
		if
		:: x || all_taken -> break
		:: else
		fi;
		mb();
		(!word[STATE] || all_taken)
	od;
	store(WAITER, 0);
	store(STATE, 0)
}

/* halt.c: vcpu_settle(). */
inline settle()
{
	do
	:: !all_taken ->
		accept_sipi();
		if
		:: halted -> look(x); if :: x -> halted = 0 :: else fi
		:: else
		fi;
		if
		:: !halted && !reset -> break
		:: else
		fi;
		wait_for_event()
	:: else -> break
	od
}

/* run.c: prepare(), and prepare_atomic(). What is injected is not lost any more. */
inline prepare()
{
	take_request(FLUSH, x);
	if
	:: x -> stale = 0
	:: else
	fi;
	take_request(NMI, x);
	if
	:: x -> atomic { mb() -> nmis = nmis + word[NMIS]; word[NMIS] = 0 }
	:: else
	fi;
	take_request(EVENT, x);
	if
	:: x && (word[INIT] || word[SIPI]) && bug != BUG_INIT_MISSED -> vcpu_request(EVENT)
	:: else
	fi;
	if
	:: word[IRR] -> void_rmw(IRR, 0); irq = 1
	:: else
	fi;
	if
	:: lint0 && word[PIC] -> rmw(PIC, 0); extint = 1
	:: else
	fi
}

/*
 * Guest mode. Interrupts come when it is left. The guest may use what its TLB has, walk its tables,
 * stay for ever, halt, and open LINT0: if it wants ExtINTs, before it waits for them.
 */
inline guest()
{
	if
	:: irq -> seen = word[DATA]; irq = 0
	:: else
	fi;
	if
	:: word[SPTE] -> stale = 1
	:: else
	fi;
	if
	:: stale -> assert(!freed); store(FRAME, 1)
	:: true
	fi;
	if
	:: lint0 || !(sends & S_EXTINT) -> (ipi || all_taken)
	:: lint0 || !(sends & S_EXTINT) -> halted = 1
	:: !lint0 -> open = 1
	fi
}

inline open_lint0()
{
	if
	:: open ->
		open = 0;
		lint0 = 1;
		store(LINT0, 1);
		vcpu_request(EVENT);
		vcpu_kick()
	:: else
	fi
}

/* run.c: enter_once(). */
inline enter()
{
	irqs_off = 1;
	store(WHERE, 1);
	mb_but(BUG_ENTER_BARRIER);
	x = (word[EVENT] || word[NMI] || word[FLUSH]) && bug != BUG_NO_LOOK;
	if
	:: !x -> guest()
	:: else
	fi;
	if
	:: bug == BUG_LEAVE_RELEASE -> store(WHERE, 0)
	:: else -> release(WHERE, 0)
	fi;
	d_step { ipi = 0; irqs_off = 0 }
}

proctype vcpu()
{
	byte me = 0;
	bit x, irq, halted, lint0, open, moved, to;

	do
	:: all_taken && !irq -> break
	:: true ->
		move();
		if
		:: halted || reset || word[INIT] || word[SIPI] -> settle()
		:: else
		fi;
		prepare();
		enter();
		open_lint0()
	od
}

/* ---- those who want something ---- */

/* Who finds the vector in the IRR leaves the kick to whom put it there. */
inline send_ipi()
{
	do
	:: n < 2 ->
		n++;
		store(DATA, n);
		atomic { mb() -> x = word[IRR]; word[IRR] = 1 }
		if
		:: !x && bug == BUG_REQUEST_LAST -> vcpu_kick(); vcpu_request(EVENT)
		:: !x && bug != BUG_REQUEST_LAST -> vcpu_request(EVENT); vcpu_kick()
		:: else
		fi
	:: else -> break
	od;
	n = 0;
	x = 0
}

inline send_nmi()
{
	do
	:: n < 2 ->
		n++;
		if
		:: bug == BUG_COUNT_LAST -> vcpu_request(NMI); void_rmw(NMIS, ADD)
		:: else -> void_rmw(NMIS, ADD); vcpu_request(NMI)
		fi;
		vcpu_kick()
	:: else -> break
	od;
	n = 0
}

inline send_sipi()
{
	rmw(INIT, 1);
	vcpu_request(EVENT);
	vcpu_kick();
	store(PAGE, 1);
	mb_but(BUG_SIPI_BARRIER);
	void_rmw(SIPI, 1);
	vcpu_request(EVENT);
	vcpu_kick()
}

/* irq/pic.c, and irq_host_extint(). */
inline raise_extint()
{
	store(PIC, 1);
	mb_but(BUG_EXTINT_BARRIER);
	if
	:: word[LINT0] -> vcpu_request(EVENT); vcpu_kick()
	:: else
	fi
}

/*
 * vm_make_request(): and then the frame is somebody else's. Who has taken the interrupt says so by
 * a store behind all that was before.
 */
inline flush_all()
{
	rmw(SPTE, 0);
	vcpu_request(FLUSH);
	mb_but(BUG_ALL_BARRIER);
	to = word[CPU];
	if
	:: word[WHERE] ->
		interrupt(to);
		(bug == BUG_ALL_NO_WAIT || to != cpu || (!ipi && len(buffer[0]) == 0))
	:: else
	fi;
	to = 0;
	freed = 1
}

proctype sender()
{
	byte me = 1;
	byte n;
	bit x, to;

	if
	:: sends & S_IPI -> send_ipi()
	:: else
	fi;
	if
	:: sends & S_SIPI -> send_sipi()
	:: else
	fi;
	if
	:: sends & S_EXTINT -> raise_extint()
	:: else
	fi
}

proctype other()
{
	byte me = 2;
	byte n;
	bit to;

	if
	:: sends & S_NMI -> send_nmi()
	:: else
	fi;
	if
	:: sends & S_FLUSH -> flush_all()
	:: else
	fi
}

init {
	atomic {
		c_code {
			now.sends = atoi(getenv("SENDS"));
			now.bug = atoi(getenv("BUG"));
		};
		word[SPTE] = 1;
		run vcpu();
		run sender();
		run other()
	}
}
