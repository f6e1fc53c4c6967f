/* Known-answer test: loads the program, sends every image, compares every word and every activation that stays.
 *
 * Prints PASS, or the first thing that is wrong, with layer, array and column. Of several wrong layers it names the
 * first: its wrong values made the later ones wrong. Build it with board.h, which says how this board reaches the chip:
 *
 *   cc -std=c99 -I. -I../rtl known_answer.c ...
 */
#include "board.h" /* first: it chooses what the system's headers offer */

#include <stdio.h>

#include "vectors.h"

static int failed(const char *what, enum codesign_result result)
{
    printf("FAIL %s: %s (STATUS 0x%08x)\n", what, codesign_words(result), (unsigned)CODESIGN_READ(CODESIGN_STATUS));
    return 1;
}

static int wrong(unsigned image, const struct vectors_layer *layer, uint32_t value, uint32_t expected, uint32_t got)
{
    const struct vectors_place *place = &layer->places[value % layer->channels];

    printf("FAIL image %u: layer %s, output %ld", image, layer->name, (long)place->number);
    if (layer->values > layer->channels)
        printf(" at pixel %lu", (unsigned long)(value / layer->channels));
    if (place->first_array == place->last_array && place->column >= 0)
        printf(", array %d, column %d", place->last_array, place->column);
    else if (place->column >= 0)
        printf(", arrays %d to %d, column %d", place->first_array, place->last_array, place->column);
    printf(": expected 0x%08lx, got 0x%08lx\n", (unsigned long)expected, (unsigned long)got);
    return 1;
}

/* The words of an image, and what it left in the memory of the stopped chip, layer by layer. */
static int compare(unsigned image, const uint32_t *words)
{
    static uint8_t got[64];
    const uint32_t *expected = vectors_words + (size_t)image * VECTORS_OUTPUTS;
    const struct vectors_layer *layer = vectors_layers;
    unsigned k;
    uint32_t at, n;

    for (k = 0; k + 1 < VECTORS_LAYERS; k++, layer++) {
        const uint8_t *want = layer->expected + (size_t)image * layer->values;
        for (at = 0; at < layer->values; at += n) {
            uint32_t i;
            n = layer->values - at < sizeof got ? layer->values - at : (uint32_t)sizeof got;
            codesign_activations(layer->first + at, got, n);
            for (i = 0; i < n; i++)
                if ((got[i] & layer->mask) != want[at + i])
                    return wrong(image, layer, at + i, want[at + i], got[i] & layer->mask);
        }
    }
    for (at = 0; at < VECTORS_OUTPUTS; at++)
        if (words[at] != expected[at])
            return wrong(image, layer, at, expected[at], words[at]);
    return 0;
}

int main(void)
{
    static uint32_t words[VECTORS_OUTPUTS];
    enum codesign_result result;
    unsigned image;

    if ((result = codesign_check()) != CODESIGN_DONE)
        return failed("chip", result);
    if ((result = codesign_load(vectors_program, sizeof vectors_program / sizeof vectors_program[0])) != CODESIGN_DONE)
        return failed("program", result);
    for (image = 0; image < VECTORS_IMAGES; image++) {
        if ((result = codesign_start()) != CODESIGN_DONE)
            return failed("start", result);
        if ((result = codesign_send(vectors_inputs + (size_t)image * VECTORS_FEATURES, VECTORS_FEATURES)) !=
            CODESIGN_DONE)
            return failed("input", result);
        if ((result = codesign_collect(words, VECTORS_OUTPUTS)) != CODESIGN_DONE)
            return failed("output", result);
        codesign_stop();
        if (compare(image, words))
            return 1;
    }
    printf("PASS %u images, %lu words\n", VECTORS_IMAGES, (unsigned long)VECTORS_IMAGES * VECTORS_OUTPUTS);
    return 0;
}
