package merchant

import "crypto/rand"

const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// RandomLetters makes n random letters and digits, 5.9 bits each.
func RandomLetters(n int) string { return random(alphabet, n) }

// RandomDigits makes n random digits, the first of them not 0.
func RandomDigits(n int) string { return random("123456789", 1) + random("0123456789", n-1) }

// random draws each character evenly: bytes that would favour some of them are
// drawn again.
func random(from string, n int) string {
	even := 256 / len(from) * len(from)
	out := make([]byte, 0, n)
	var pool [64]byte
	for len(out) < n {
		_, _ = rand.Read(pool[:]) // documented never to fail
		for _, b := range pool {
			if int(b) < even && len(out) < n {
				out = append(out, from[int(b)%len(from)])
			}
		}
	}
	return string(out)
}
