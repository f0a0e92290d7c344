// SPDX-License-Identifier: GPL-2.0-only
/* An 8 MiB program that looks at all of its pages; ends with 9 if they are right. */
extern const volatile unsigned char large_pages[1536][4096];
extern volatile unsigned char large_writable[512][4096];

int main(void)
{
	int i;

	for (i = 0; i < 1536; i++)
		if (large_pages[i][0] != (i & 0xff) || large_pages[i][4095] != 0x5a)
			return 1;
	for (i = 0; i < 512; i++) {
		if (large_writable[i][0] != (i & 0xff))
			return 2;
		if (i % 4 == 0)
			large_writable[i][1]++;
	}
	return 9;
}
