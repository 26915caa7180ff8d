package wallet

import (
	"encoding/json"
	"math/big"
	"time"
)

// Values of the member type.
const (
	TypeRefund = "refund"
	TypeCharge = "charge"
	TypeWallet = "wallet"
	TypeEvent  = "event"
)

// Values of a status. A refund goes from created over pending to succeeded or
// failed; StatusRefund is a charge's that was refunded in full.
const (
	StatusCreated   = "created"
	StatusPending   = "pending"
	StatusSucceeded = "succeeded"
	StatusFailed    = "failed"
	StatusRefund    = "refund"
)

// Channels that the pages name.
const (
	ChannelWeChatQRCode = "wechat_qrcode"
	ChannelUnipayB      = "unipay_merchant" // of wallets of businesses
	ChannelUnipayC      = "unipay_consumer" // of wallets of persons
)

// Refund is the refund object (L2.2-1), its members in the order of the page's
// sample, all always present. Amount is this refund's, not the order's, and
// Created is when it was made, not the payment: both texts of the page are
// slips. Type is written as "refund" whatever it holds.
type Refund struct {
	ID          string `json:"id"`
	Type        string `json:"type"`
	Created     int64  `json:"created"`
	ChargesID   string `json:"charges_id"`
	Channel     string `json:"channel"`
	ClientIP    string `json:"client_ip"`
	Amount      int64  `json:"amount"`
	Extra       *Extra `json:"extra"`
	Description string `json:"description"`
	Currency    string `json:"currency"`
	Status      string `json:"status"`
}

// MarshalJSON writes an absent extra as {}.
func (r Refund) MarshalJSON() ([]byte, error) {
	r.Type = TypeRefund
	if r.Extra == nil {
		r.Extra = &Extra{}
	}
	type plain Refund // drops this method, which would call itself
	return Marshal(plain(r))
}

// OldRefund is the refund object of the older generation (L3-24): the newer one
// with five members more, and Created as a local date and time.
type OldRefund struct {
	ID            string  `json:"id"`
	Type          string  `json:"type"`
	Created       string  `json:"created"`
	Status        string  `json:"status"`
	TimeSucceeded *int64  `json:"time_succeeded"`
	TimeFailed    *int64  `json:"time_failed"`
	ChargeID      string  `json:"charge_id"`
	ChargesID     string  `json:"charges_id"`
	Channel       string  `json:"channel"`
	ClientIP      string  `json:"client_ip"`
	Amount        int64   `json:"amount"`
	Currency      string  `json:"currency"`
	TransactionNo *string `json:"transaction_no"`
	Description   string  `json:"description"`
	Extra         *Extra  `json:"extra"`
}

// MarshalJSON writes an absent extra as {}.
func (r OldRefund) MarshalJSON() ([]byte, error) {
	r.Type = TypeRefund
	if r.Extra == nil {
		r.Extra = &Extra{}
	}
	type plain OldRefund // drops this method, which would call itself
	return Marshal(plain(r))
}

// Old returns a refund in the form of the older generation. endedAt is when it
// succeeded or failed, zero while it has not.
func (r Refund) Old(endedAt time.Time, transactionNo *string) OldRefund {
	old := OldRefund{
		ID: r.ID, Created: LocalTime(time.Unix(r.Created, 0)), Status: r.Status, ChargeID: r.ChargesID, ChargesID: r.ChargesID,
		Channel: r.Channel, ClientIP: r.ClientIP, Amount: r.Amount, Currency: r.Currency, TransactionNo: transactionNo,
		Description: r.Description, Extra: r.Extra,
	}
	seconds := endedAt.Unix()
	switch {
	case endedAt.IsZero():
	case r.Status == StatusSucceeded:
		old.TimeSucceeded = &seconds
	case r.Status == StatusFailed:
		old.TimeFailed = &seconds
	}
	return old
}

// Charge is the charge object (L3.1-1). Type is written as "charge" whatever it
// holds. Credential and Extra are written as {} when nil.
type Charge struct {
	ID             string          `json:"id"`
	Type           string          `json:"type"`
	Created        int64           `json:"created"`
	WalletID       string          `json:"wallet_id"`
	Status         string          `json:"status"`
	Channel        string          `json:"channel"`
	OrderNo        string          `json:"order_no"`
	ClientIP       string          `json:"client_ip"`
	Amount         int64           `json:"amount"`
	Currency       string          `json:"currency"`
	Subject        string          `json:"subject"`
	Body           string          `json:"body"`
	TimePaid       *int64          `json:"time_paid"`
	Refunds        []Refund        `json:"refunds"`
	AmountRefunded int64           `json:"amount_refunded"`
	Credential     json.RawMessage `json:"credential"`
	Description    string          `json:"description"`
	Extra          json.RawMessage `json:"extra"`
}

// MarshalJSON writes refunds as [] when there are none.
func (c Charge) MarshalJSON() ([]byte, error) {
	c.Type = TypeCharge
	if c.Refunds == nil {
		c.Refunds = []Refund{}
	}
	fillObject(&c.Credential)
	fillObject(&c.Extra)
	type plain Charge // drops this method, which would call itself
	return Marshal(plain(c))
}

// Wallet is the wallet object (L3.2-1). Balances are in minor units. Type is
// written as "wallet" whatever it holds.
type Wallet struct {
	ID                  string          `json:"id"`
	Type                string          `json:"type"`
	Created             int64           `json:"created"`
	AppID               string          `json:"appid"`
	Extra               json.RawMessage `json:"extra"`
	Block               bool            `json:"block"`
	Reviewed            bool            `json:"reviewed"`
	AvailableBalance    json.Number     `json:"available_balance"`
	WithdrawableBalance json.Number     `json:"withdrawable_balance"`
	FreezeBalance       json.Number     `json:"freeze_balance"`
	Status              string          `json:"status"`
	Channel             string          `json:"channel"`
}

// Sum is how a wallet's balance is written, which may need more than 64 bits.
func Sum(minor *big.Int) json.Number { return json.Number(minor.String()) }

// MarshalJSON writes an absent extra as {}.
func (w Wallet) MarshalJSON() ([]byte, error) {
	w.Type = TypeWallet
	fillObject(&w.Extra)
	type plain Wallet // drops this method, which would call itself
	return Marshal(plain(w))
}

func fillObject(raw *json.RawMessage) {
	if len(*raw) == 0 {
		*raw = json.RawMessage("{}")
	}
}
