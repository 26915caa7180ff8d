// Package toytest is a channel for tests: the smallest driver that has settings,
// secrets, notices, bills, numbers of its own form and limits of its own. It is
// what a newcomer's first driver looks like; its bank is in bank.go.
package toytest

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"regexp"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// Name is the driver's name in channel accounts.
const Name = "toy"

// Driver is the toy channel's driver. Bank is the other side.
type Driver struct{ Bank *Bank }

var _ interface {
	channel.Driver
	channel.Receiver
	channel.BillReader
} = Driver{}

var shopForm = regexp.MustCompile(`^[0-9]{4}$`)

// Settings implements channel.Driver.
func (Driver) Settings() []merchant.Setting {
	return []merchant.Setting{
		{Name: "shop", Required: true, Meaning: "the shop's number at the bank, four digits", Check: func(value string) error {
			if !shopForm.MatchString(value) {
				return errors.New("a shop's number is four digits")
			}
			return nil
		}},
		{Name: "prefix", Default: "T", Meaning: "what refund numbers begin with"},
		{Name: "key", Secret: true, Required: true, Meaning: "the key of the shop's requests and of the bank's notices, in hex"},
	}
}

// Rules implements channel.Driver: the bank refunds for a year, and takes one
// submit for a payment every two seconds.
func (Driver) Rules(string) refund.Rules {
	return refund.Rules{WindowMonths: 12, SubmitSpacing: 2 * time.Second}
}

// Open implements channel.Driver.
func (d Driver) Open(a channel.Account) (channel.Connector, error) {
	key, err := hex.DecodeString(a.Secrets["key"])
	if err != nil || len(key) < 16 {
		return nil, refund.Errorf(refund.KindInvalid, "key", "the key is no hex text of 16 bytes or more")
	}
	return connector{bank: d.Bank, shop: a.Settings["shop"], prefix: a.Settings["prefix"], key: key}, nil
}

// connector is one account.
type connector struct {
	channel.Basic
	bank         *Bank
	shop, prefix string
	key          []byte
}

// Submit implements channel.Connector.
func (c connector) Submit(ctx context.Context, i channel.Instruction) refund.Outcome {
	answer := c.bank.Refund(ctx, c.shop, c.key, i.Number, i.TransactionID, i.Amount)
	o := answer.outcome()
	o.Sent = refund.Sent{Digest: answer.Digest, UpstreamRequestID: answer.Request, Shown: map[string]string{"shop": c.shop}}
	return o
}

// Query implements channel.Connector.
func (c connector) Query(ctx context.Context, i channel.Instruction) refund.Outcome {
	return c.bank.Find(ctx, c.shop, c.key, i.Number).outcome()
}

// List implements channel.Connector.
func (c connector) List(ctx context.Context, p channel.PaymentRef) ([]channel.Listed, error) {
	return c.bank.List(ctx, c.shop, c.key, func(e Entry) bool { return e.TransactionID == p.TransactionID })
}

// Bill implements channel.Connector.
func (c connector) Bill(ctx context.Context, day channel.BillDay) (channel.Bill, error) {
	if until := c.bank.BillsUntil; !until.IsZero() && !day.Day.Before(until) {
		return nil, channel.ErrBillNotReady
	}
	rows, err := c.bank.List(ctx, c.shop, c.key, func(e Entry) bool {
		return !e.At.Before(day.Day) && e.At.Before(day.Next().Day)
	})
	if c.bank.Lie != nil {
		rows = c.bank.Lie(day, rows)
	}
	return &bill{rows}, err
}

// ReadBill implements channel.BillReader: a line of JSON for each refund, with the
// members of channel.Listed.
func (Driver) ReadBill(_ channel.Account, _ channel.BillDay, file io.Reader) (channel.Bill, error) {
	return fileBill{json.NewDecoder(file)}, nil
}

type fileBill struct{ rows *json.Decoder }

// Next implements channel.Bill.
func (b fileBill) Next() (row channel.Listed, err error) {
	err = b.rows.Decode(&row)
	return row, err
}

// Close implements channel.Bill.
func (fileBill) Close() error { return nil }

// Check implements channel.Connector.
func (c connector) Check(ctx context.Context) []channel.Check {
	_, err := c.bank.List(ctx, c.shop, c.key, func(Entry) bool { return false })
	return []channel.Check{{Name: "key", Err: err}}
}

// Number implements channel.Connector: the prefix and 15 digits.
func (c connector) Number(refundID string, try int) string {
	return c.prefix + channel.DerivedNumber("0123456789", 15, refundID, try)
}

// Pace implements channel.Connector.
func (connector) Pace() refund.Pace {
	return refund.Pace{First: time.Second, Longest: time.Minute, ResubmitWithin: time.Hour, GivesIDs: true}
}

// Limits implements channel.Connector.
func (connector) Limits() channel.Limits {
	return channel.Limits{Concurrent: 8, Submit: channel.Calls{PerSecond: 50, Burst: 5}, Query: channel.Calls{PerSecond: 100}}
}

// Capabilities implements channel.Connector.
func (c connector) Capabilities() channel.Capabilities {
	return channel.Capabilities{List: true, Bills: true, BillZone: c.bank.BillZone, BilledWhenAccepted: c.bank.BilledWhenAccepted}
}

// bill is a day's rows.
type bill struct{ rows []channel.Listed }

// Next implements channel.Bill.
func (b *bill) Next() (channel.Listed, error) {
	if len(b.rows) == 0 {
		return channel.Listed{}, io.EOF
	}
	row := b.rows[0]
	b.rows = b.rows[1:]
	return row, nil
}

// Close implements channel.Bill.
func (*bill) Close() error { return nil }

// Receive implements channel.Receiver: the signature is that of the account's key,
// or of an older one whose life has not ended.
func (Driver) Receive(a channel.Account, r *http.Request) ([]channel.Notified, channel.Reply, error) {
	reply := func(commit error) channel.Answer {
		if commit != nil {
			return channel.Answer{Status: http.StatusServiceUnavailable, Body: []byte("again")}
		}
		return channel.Answer{Body: []byte("ok")}
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, reply, errors.New("the body can't be read")
	}
	keys := []string{a.Secrets["key"]}
	for _, older := range a.Previous {
		keys = append(keys, older.Secrets["key"])
	}
	for _, key := range keys {
		if raw, err := hex.DecodeString(key); err == nil && signed(raw, body, r.Header.Get(signatureHeader)) {
			notice, err := readNotice(body)
			return notice, reply, err
		}
	}
	return nil, reply, errors.New("the signature is not the bank's")
}

// Refuse implements channel.Receiver.
func (Driver) Refuse(status int) channel.Answer {
	return channel.Answer{Status: status, ContentType: "application/json", Body: []byte(`{"bank":"refused"}`)}
}
