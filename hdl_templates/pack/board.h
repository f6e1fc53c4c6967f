/* The board of the simulated chip: every access goes as a line to the bench that runs the Verilog, see test_pack.py.
 *
 * For a real board, put a board.h of your own in the place of this one. It needs CODESIGN_BASE, the address of the
 * chip's registers, and the two streams:
 *
 *   #define CODESIGN_BASE 0x40000000u
 *   #define CODESIGN_SEND(bytes, count, last) my_dma_send(bytes, count, last)
 *   #define CODESIGN_TAKE(last) my_fifo_take(last)
 */
#ifndef BOARD_H
#define BOARD_H

#define _POSIX_C_SOURCE 200112L /* fdopen */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* The two ends of the bus: pipes that the bench has opened; CODESIGN_BUS holds their numbers. */
static FILE *board_file(int to)
{
    static FILE *files[2];
    const char *bus = getenv("CODESIGN_BUS");
    int numbers[2];

    if (!files[to] && bus && sscanf(bus, "%d,%d", &numbers[0], &numbers[1]) == 2)
        files[to] = fdopen(numbers[to], to ? "w" : "r");
    if (!files[to]) {
        puts("FAIL bus: CODESIGN_BUS names no pipes; the bench starts this program, see test_pack.py");
        exit(3);
    }
    return files[to];
}

static unsigned long board_ask(char op, unsigned long first, int *second)
{
    unsigned long answer;
    int more;

    fprintf(board_file(1), "%c %lx\n", op, first);
    fflush(board_file(1));
    if (fscanf(board_file(0), "%lx %d", &answer, &more) != 2) {
        puts("FAIL bus: no answer comes; the bench says why");
        exit(3);
    }
    if (second)
        *second = more;
    return answer;
}

static void board_send(const uint8_t *bytes, size_t count, int last)
{
    fprintf(board_file(1), "s %d ", last);
    while (count--)
        fprintf(board_file(1), "%02x", *bytes++);
    fprintf(board_file(1), "\n");
}

#define CODESIGN_READ(offset) ((uint32_t)board_ask('r', (unsigned long)(offset), NULL))
#define CODESIGN_WRITE(offset, value)                                                                                  \
    fprintf(board_file(1), "w %lx %lx\n", (unsigned long)(offset), (unsigned long)(value))
#define CODESIGN_SEND(bytes, count, last) board_send(bytes, count, last)
#define CODESIGN_TAKE(last) ((uint32_t)board_ask('m', 0, last))

#endif
