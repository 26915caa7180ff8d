package toytest

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

// The last two digits of an amount that make the bank misbehave; any other
// succeeds at once.
const (
	refusedForGood = 51
	answerLost     = 53
	requestLost    = 54 // the first one
	working        = 58 // until Finish
	throttled      = 59 // the first one
)

// Bank is the other side of the toy channel, with books in memory.
type Bank struct {
	Now func() time.Time
	// BillsUntil is the first day whose bill is not ready yet; zero if all are.
	BillsUntil time.Time
	// BillZone and BilledWhenAccepted are as in channel.Capabilities; a refund is
	// accepted when it succeeds.
	BillZone           *time.Location
	BilledWhenAccepted bool
	// Lie, if not nil, makes another bill of a day's rows.
	Lie func(day channel.BillDay, rows []channel.Listed) []channel.Listed

	mu      sync.Mutex
	keys    map[string][]byte // by shop
	entries map[string]*Entry // by number
	last    int
}

// Entry is one refund in the bank's books.
type Entry struct {
	Number, ID, TransactionID string
	Amount                    money.Amount
	Kind                      refund.OutcomeKind
	At                        time.Time
	Submits, Moves            int
	Key                       string // that the last submit was signed with
}

// NewBank makes a bank with one shop.
func NewBank(shop, key string, now func() time.Time) *Bank {
	b := &Bank{Now: now, keys: make(map[string][]byte), entries: make(map[string]*Entry)}
	b.Rekey(shop, key)
	return b
}

// Date has all that the bank did happen at a time.
func (b *Bank) Date(at time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.entries {
		e.At = at
	}
}

// Rekey replaces a shop's key.
func (b *Bank) Rekey(shop, key string) {
	raw, err := hex.DecodeString(key)
	if err != nil {
		panic("toytest: " + err.Error())
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.keys[shop] = raw
}

// Answer is what the bank says of a refund.
type Answer struct {
	Kind            refund.OutcomeKind
	Code            string
	Entry           Entry
	Digest, Request string
}

func (a Answer) outcome() refund.Outcome {
	o := refund.Outcome{Kind: a.Kind, Code: a.Code, ChannelRefundID: a.Entry.ID, SucceededAt: a.Entry.At}
	if a.Entry.ID != "" {
		o.Amount = &a.Entry.Amount.Minor
	}
	return o
}

func (b *Bank) knows(shop string, key []byte) bool { return hmac.Equal(b.keys[shop], key) }

// Refund takes a shop's request for a refund.
func (b *Bank) Refund(ctx context.Context, shop string, key []byte, number, transactionID string, amount money.Amount) Answer {
	b.mu.Lock()
	defer b.mu.Unlock()
	sum := sha256.Sum256(fmt.Append(nil, shop, number, transactionID, amount))
	b.last++
	answer := Answer{Digest: hex.EncodeToString(sum[:]), Request: fmt.Sprint("call ", b.last)}
	say := func(kind refund.OutcomeKind, code string) Answer {
		answer.Kind, answer.Code = kind, code
		return answer
	}
	e := b.entries[number]
	switch {
	case ctx.Err() != nil:
		return say(refund.OutcomeUnknown, "NO_ANSWER")
	case !b.knows(shop, key):
		return say(refund.OutcomeTryLater, "KEY")
	case e != nil && (e.Amount != amount || e.TransactionID != transactionID):
		return say(refund.OutcomeRefused, "NUMBER_USED")
	case e == nil:
		e = &Entry{Number: number, TransactionID: transactionID, Amount: amount}
		b.entries[number] = e
	}
	e.Submits++
	e.Key = hex.EncodeToString(key)
	if e.ID == "" {
		switch digits := amount.Minor % 100; {
		case digits == refusedForGood:
			return say(refund.OutcomeRefused, "NEVER")
		case digits == requestLost && e.Submits == 1:
			return say(refund.OutcomeUnknown, "NO_ANSWER")
		case digits == throttled && e.Submits == 1:
			return say(refund.OutcomeTryLater, "SLOWER")
		}
		e.ID, e.At, e.Moves, e.Kind = "bank "+number, b.Now(), 1, refund.OutcomeDone
		if amount.Minor%100 == working {
			e.Kind, e.Moves = refund.OutcomeAccepted, 0
		}
		if amount.Minor%100 == answerLost {
			return say(refund.OutcomeUnknown, "NO_ANSWER")
		}
	}
	answer.Entry = *e
	return say(e.Kind, "")
}

// Find returns what became of a refund.
func (b *Bank) Find(_ context.Context, shop string, key []byte, number string) Answer {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.entries[number]
	switch {
	case !b.knows(shop, key):
		return Answer{Kind: refund.OutcomeTryLater, Code: "KEY"}
	case e == nil || e.ID == "":
		return Answer{Kind: refund.OutcomeNotFound, Code: "NONE"}
	}
	return Answer{Kind: e.Kind, Entry: *e}
}

// List lists refunds that the bank has.
func (b *Bank) List(ctx context.Context, shop string, key []byte, which func(Entry) bool) ([]channel.Listed, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.knows(shop, key) || ctx.Err() != nil {
		return nil, errors.New("the bank does not know the key (hint: set the key that the bank's pages show)")
	}
	var list []channel.Listed
	for _, e := range b.entries {
		if e.ID != "" && which(*e) {
			list = append(list, channel.Listed{
				Number: e.Number, ChannelRefundID: e.ID, TransactionID: e.TransactionID, Amount: e.Amount, Kind: e.Kind, SucceededAt: e.At,
			})
		}
	}
	return list, nil
}

// Entry returns a refund's entry, zero for none.
func (b *Bank) Entry(number string) Entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e := b.entries[number]; e != nil {
		return *e
	}
	return Entry{}
}

// Add books a refund that was made on the bank's own pages.
func (b *Bank) Add(e Entry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e.Moves = 1
	b.entries[e.Number] = &e
}

// Fail has a refund fail, or be sent back.
func (b *Bank) Fail(number string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.entries[number].Kind = refund.OutcomeFailed
}

// Finish has a refund that the bank works on succeed.
func (b *Bank) Finish(number string) Entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.entries[number]
	e.Kind, e.Moves, e.At = refund.OutcomeDone, 1, b.Now()
	return *e
}

const signatureHeader = "Toy-Signature"

// notice is what the bank sends.
type notice struct {
	Number, ID, Payment string
	Amount              money.Minor
	Currency            money.Currency
	At                  time.Time
	Hint                bool
	Dispute             *refund.Dispute
}

// Notice is the bank's request about an entry, signed with a key. A hint says only
// that there is something to ask about.
func Notice(address, key string, e Entry, hint bool) *http.Request {
	return signedRequest(address, key, notice{e.Number, e.ID, e.TransactionID, e.Amount.Minor, e.Amount.Currency, e.At, hint, nil})
}

// DisputeNotice is the bank's request about a dispute of a payment, signed with a key.
func DisputeNotice(address, key, transactionID string, d refund.Dispute) *http.Request {
	return signedRequest(address, key, notice{Payment: transactionID, Dispute: &d})
}

func signedRequest(address, key string, n notice) *http.Request {
	body, err := json.Marshal(n)
	if err != nil {
		panic("toytest: " + err.Error())
	}
	raw, err := hex.DecodeString(key)
	if err != nil {
		panic("toytest: " + err.Error())
	}
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		panic("toytest: " + err.Error())
	}
	r.Header.Set(signatureHeader, signature(raw, body))
	return r
}

func signature(key, body []byte) string {
	mac := hmac.New(sha256.New, key)
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

func signed(key, body []byte, by string) bool {
	return hmac.Equal([]byte(signature(key, body)), []byte(by))
}

func readNotice(body []byte) ([]channel.Notified, error) {
	var n notice
	if err := json.Unmarshal(body, &n); err != nil {
		return nil, errors.New("the notice is no JSON")
	}
	if n.Dispute != nil {
		return []channel.Notified{{
			Text: fmt.Sprintf("dispute %s of payment %s: %s", n.Dispute.ChannelDisputeID, n.Payment, n.Dispute.State), Noticed: refund.Noticed{TransactionID: n.Payment, Dispute: n.Dispute},
		}}, nil
	}
	o := refund.Outcome{Kind: refund.OutcomeDone, ChannelRefundID: n.ID, Amount: &n.Amount, SucceededAt: n.At}
	return []channel.Notified{{
		Text:    fmt.Sprintf("the bank refunded %s of payment %s", n.Number, n.Payment),
		Noticed: refund.Noticed{Number: n.Number, TransactionID: n.Payment, Currency: n.Currency, Hint: n.Hint, Outcome: o},
	}}, nil
}
