/* Plays a bus transcript on a chip: play TRANSCRIPT. Prints PASS, or the first wrong answer with its place.
 *
 * Of several wrong answers it names that of the lowest rank: the earliest layer. A wrong register ends it at once.
 * The format is in docs/bringup.md of codesign. Build it with board.h, as known_answer.c.
 */
#include "board.h" /* first: it chooses what the system's headers offer */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vectors.h"

#define LONGEST 4096

static char wrong[LONGEST + 200];
static unsigned lowest = ~0u;

/* One of the places of a word, divided by commas: that of its lowest wrong byte. */
static const char *place_of(char *places, uint32_t differs)
{
    char *at = strtok(places, ",");

    for (; at && !(differs & 0xff); differs >>= 8) {
        char *next = strtok(NULL, ",");
        if (!next)
            break;
        at = next;
    }
    return at;
}

static void judge(unsigned line, unsigned rank, char *places, uint32_t expected, uint32_t got, uint32_t differs)
{
    if (!differs || rank >= lowest)
        return;
    lowest = rank;
    snprintf(wrong, sizeof wrong, "FAIL line %u: %s: expected 0x%08lx, got 0x%08lx", line, place_of(places, differs),
             (unsigned long)expected, (unsigned long)got);
}

static unsigned long number(const char *text, int base)
{
    return strtoul(text, NULL, base);
}

/* A beat from its digits, the last two of which are the first byte; keep has a one for each byte that counts. */
static void send(const char *last, const char *keep, const char *digits)
{
    uint8_t bytes[CODESIGN_STREAM_BYTES];
    unsigned count = 0, k;

    for (k = 0; keep[k]; k++) { /* ones of a number of any length */
        unsigned digit = (unsigned)number((char[]){keep[k], 0}, 16);
        for (; digit; digit >>= 1)
            count += digit & 1;
    }
    for (k = 0; k < count; k++)
        bytes[k] = (uint8_t)number((char[]){digits[2 * (CODESIGN_STREAM_BYTES - 1 - k)],
                                            digits[2 * (CODESIGN_STREAM_BYTES - 1 - k) + 1], 0}, 16);
    CODESIGN_SEND(bytes, count, last[0] == '1');
}

int main(int argc, char **argv)
{
    static char text[LONGEST];
    unsigned line = 1, count = 0;
    FILE *f = argc == 2 ? fopen(argv[1], "r") : NULL;

    if (!f || !fgets(text, sizeof text, f) || strncmp(text, "codesign-transcript 1 ", 22)) {
        printf("FAIL %s: is no transcript; usage: play TRANSCRIPT\n", argc == 2 ? argv[1] : "");
        return 2;
    }
    while (fgets(text, sizeof text, f)) {
        char *op, *field[5] = {NULL};
        int n = 0;

        line++;
        if (text[0] == '#' || text[0] == '\n')
            continue;
        for (op = strtok(text, " \n"); n < 5 && (field[n] = strtok(NULL, " \n")) != NULL; n++)
            ;
        if (!strcmp(op, "end") && n == 1 && number(field[0], 10) == count) {
            if (lowest != ~0u)
                return puts(wrong), 1;
            printf("PASS %u operations\n", count);
            return 0;
        }
        count++;
        if (!strcmp(op, "w") && n == 2) {
            CODESIGN_WRITE(number(field[0], 16), (uint32_t)number(field[1], 16));
        } else if (!strcmp(op, "r") && n == 2) {
            printf("%s 0x%08lx\n", field[1], (unsigned long)CODESIGN_READ(number(field[0], 16)));
        } else if (!strcmp(op, "x") && n == 5) {
            uint32_t want = (uint32_t)number(field[1], 16), mask = (uint32_t)number(field[2], 16);
            uint32_t got = CODESIGN_READ(number(field[0], 16));
            judge(line, (unsigned)number(field[3], 10), field[4], want, got & mask, (got ^ want) & mask);
        } else if (!strcmp(op, "s") && n == 3) {
            send(field[0], field[1], field[2]);
        } else if (!strcmp(op, "m") && n == 4) {
            int last = 0;
            uint32_t want = (uint32_t)number(field[1], 16), got = CODESIGN_TAKE(&last);
            judge(line, (unsigned)number(field[2], 10), field[3], want, got, got ^ want);
            if (last != (field[0][0] == '1')) {
                printf("FAIL line %u: the last word of an image comes %s\n", line, last ? "early" : "late");
                return 1;
            }
        } else if (strcmp(op, "t") || n != 1) { /* cycles are not seen from here */
            printf("FAIL line %u: is no operation of a transcript; copy it again\n", line);
            return 2;
        }
        if (lowest == 0)
            return puts(wrong), 1;
    }
    printf("FAIL line %u: the transcript was cut off; copy it again\n", line);
    return 2;
}
