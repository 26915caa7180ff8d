package refund

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"github.com/refundry/refundry/money"
)

// QuoteMark stands for what a quote says: the amount, and what goes back to whom. A
// request that has it as its Quoted is accepted only as long as the charge has not
// changed so that the refund would be another.
func QuoteMark(amount money.Minor, p Parts) string {
	text, err := json.Marshal(struct {
		Amount money.Minor
		Parts  Parts
	}{amount, p})
	if err != nil {
		panic("parts are numbers: " + err.Error())
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}

// asQuoted refuses a request whose quote does not hold any more.
func asQuoted(request Request, amount money.Minor, p Parts) *Error {
	if request.Quoted == "" || request.Quoted == QuoteMark(amount, p) {
		return nil
	}
	e := Errorf(KindStateConflict, "quote", "the charge has changed since the quote: something else would go back to whom (hint: ask for a new quote)")
	e.Charge = request.ChargeID
	return e
}
