/* nearest.c - the known word that is most like an unknown one.
 * Does:     optimal string alignment over words of at most 32 letters; longer ones are like
 *           nothing.
 * Does not: allocate.
 * See:      nearest.h, t/unit/common/nearest.c */
#include "common/nearest.h"

#include <stddef.h>
#include <string.h>

enum { MAX_LETTERS = 32 };

static int least(int a, int b)
{
    return a < b ? a : b;
}

static char folded(char letter)
{
    if (letter >= 'A' && letter <= 'Z')
        return (char)(letter - 'A' + 'a');
    return letter == '-' ? '_' : letter;
}

static int distance_of(const char *a, size_t a_len, const char *b, size_t b_len)
{
    int rows[3][MAX_LETTERS + 1]; /* the row before the last, the last, this */
    for (size_t j = 0; j <= b_len; j++)
        rows[0][j] = rows[1][j] = rows[2][j] = (int)j;
    for (size_t i = 1; i <= a_len; i++) {
        int *older = rows[i % 3], *old = rows[(i + 1) % 3], *row = rows[(i + 2) % 3];
        row[0] = (int)i;
        for (size_t j = 1; j <= b_len; j++) {
            char x = folded(a[i - 1]), y = folded(b[j - 1]);
            row[j] = least(least(old[j], row[j - 1]) + 1, old[j - 1] + (x != y));
            if (i > 1 && j > 1 && x == folded(b[j - 2]) && folded(a[i - 2]) == y)
                row[j] = least(row[j], older[j - 2] + 1);
        }
    }
    return rows[(a_len + 2) % 3][b_len];
}

void nearest_init(struct nearest *nearest, const char *word)
{
    *nearest = (struct nearest){.word = word};
}

void nearest_offer(struct nearest *nearest, const char *known)
{
    size_t len = strlen(nearest->word), known_len = strlen(known);
    if (!len || len > MAX_LETTERS || known_len > MAX_LETTERS)
        return;
    int distance = distance_of(nearest->word, len, known, known_len);
    if (distance * 3 > (int)(known_len > 2 ? known_len : 3))
        return;
    if (nearest->best && distance >= nearest->_distance)
        return;
    nearest->best = known;
    nearest->_distance = distance;
}
