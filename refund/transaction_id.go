package refund

import (
	"crypto/rand"
	"math/big"
	"time"
)

// transactionDigits is what the sandbox's numbers have, like WeChat's.
const transactionDigits = 28

// NewTransactionID makes the number that the sandbox gives a payment: "4200",
// the time, and random digits, 28 in all.
func NewTransactionID(now time.Time) string {
	const prefix = "4200"
	text := prefix + now.UTC().Format("20060102150405")
	random := make([]byte, 0, transactionDigits-len(text))
	for range transactionDigits - len(text) {
		digit, err := rand.Int(randomSource(), big.NewInt(10))
		if err != nil {
			panic("ids: the source of randomness failed: " + err.Error())
		}
		random = append(random, byte('0'+digit.Int64()))
	}
	return text + string(random)
}
