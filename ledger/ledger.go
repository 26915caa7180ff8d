// Package ledger names the accounts of the books and the transfers between
// them. Every movement of a refund is one or more transfers, each between two
// accounts of one currency, so that the books balance by construction: what
// has to be proven is only that the transfers say the same as the refunds, and
// that is what `refundry verify` adds up.
package ledger

import (
	"fmt"

	"github.com/refundry/refundry/money"
)

// Account is a named account of one merchant; each currency has its own.
type Account string

// The accounts. A merchant's money rests in Available until a refund reserves
// it; from Reserved it goes to whoever paid: the payer in cash, and the
// issuers of coupons.
const (
	// Available is what the merchant holds of its paid charges.
	Available Account = "merchant.available"
	// Reserved is what accepted refunds hold until the channel's word.
	Reserved Account = "refund.reserved"
	// Payer is what went back to payers in cash.
	Payer Account = "payer.cash"
	// CouponCash is what went back as funded coupons, which carry settlement money:
	// their issuer paid the merchant for them.
	CouponCash Account = "coupon.cash"
	// CouponNoCash is what went back as unfunded coupons, which carry none.
	CouponNoCash Account = "coupon.nocash"
	// ChannelFee is what channels hold as their fees.
	ChannelFee Account = "channel.fee"
	// Disputed is what disputes hold while the channel has not decided.
	Disputed Account = "dispute.held"
	// Chargeback is what payers got by disputes that were lost.
	Chargeback Account = "payer.chargeback"
	// FeeReturned is what channels gave back of their fees.
	FeeReturned Account = "merchant.fee_returned"
)

// Kind says why a transfer was made.
type Kind string

// The kinds of transfers, in the order of a refund's life.
const (
	Reserve Kind = "reserve" // accepted: available -> reserved
	Release Kind = "release" // failed or canceled: reserved -> available
	Settle  Kind = "settle"  // succeeded: reserved -> payer, coupons; fee -> merchant
	Return  Kind = "return"  // a bank sent it back: payer, coupons -> available
	Correct Kind = "correct" // succeeded after all: available -> payer, coupons
	Dispute Kind = "dispute" // of a dispute: available, held and chargeback, either way
)

// Transfer moves Amount from one account to another. Amounts are positive;
// a leg of zero is left out.
type Transfer struct {
	Kind   Kind
	From   Account
	To     Account
	Amount money.Amount
}

// Valid reports whether t is a movement at all: positive, between two
// different accounts, in a known currency.
func (t Transfer) Valid() bool {
	return t.Amount.Minor > 0 && t.From != t.To && t.From != "" && t.To != "" && t.Amount.Currency.Valid()
}

// Legs are the parts into which a refund of Total falls: Payer + CouponCash +
// CouponNoCash = Total. Fee is what the channel gives back of its own and is
// not part of Total.
type Legs struct {
	Payer, CouponCash, CouponNoCash, Fee money.Minor
}

// Total is what the merchant gives: the payer's cash and the coupons.
func (l Legs) Total() money.Minor { return l.Payer + l.CouponCash + l.CouponNoCash }

// Reserving is the transfer of an accepted refund of total.
func Reserving(total money.Minor, currency money.Currency) []Transfer {
	return one(Reserve, Available, Reserved, total, currency)
}

// Releasing is the transfer of a refund that failed or was canceled.
func Releasing(total money.Minor, currency money.Currency) []Transfer {
	return one(Release, Reserved, Available, total, currency)
}

// Settling returns the transfers of a refund that succeeded.
func Settling(legs Legs, currency money.Currency) []Transfer {
	return outward(Settle, Reserved, legs, currency)
}

// Correcting returns the transfers of a refund that had failed, and succeeded.
func Correcting(legs Legs, currency money.Currency) []Transfer {
	return outward(Correct, Available, legs, currency)
}

// Returning returns the transfers of a refund that a bank sent back later.
func Returning(legs Legs, currency money.Currency) []Transfer {
	transfers := outward(Return, Available, legs, currency)
	for i := range transfers {
		transfers[i].From, transfers[i].To = transfers[i].To, transfers[i].From
	}
	return transfers
}

// Disputing returns the transfers of a dispute that held an amount in an account and
// holds another, maybe elsewhere. What it holds no more, or more, comes from Available.
func Disputing(before Account, held money.Minor, after Account, holds money.Minor, currency money.Currency) []Transfer {
	moved := min(held, holds)
	var transfers []Transfer
	if before != after {
		transfers = one(Dispute, before, after, moved, currency)
	}
	transfers = append(transfers, one(Dispute, before, Available, held-moved, currency)...)
	return append(transfers, one(Dispute, Available, after, holds-moved, currency)...)
}

func outward(kind Kind, source Account, legs Legs, currency money.Currency) []Transfer {
	transfers := make([]Transfer, 0, 2)
	for _, leg := range []struct {
		from, to Account
		minor    money.Minor
	}{
		{source, Payer, legs.Payer},
		{source, CouponCash, legs.CouponCash},
		{source, CouponNoCash, legs.CouponNoCash},
		{ChannelFee, FeeReturned, legs.Fee},
	} {
		transfers = append(transfers, one(kind, leg.from, leg.to, leg.minor, currency)...)
	}
	return transfers
}

func one(kind Kind, from, to Account, minor money.Minor, currency money.Currency) []Transfer {
	if minor == 0 {
		return nil
	}
	return []Transfer{{Kind: kind, From: from, To: to, Amount: money.Amount{Minor: minor, Currency: currency}}}
}

// Balance is the sum of what went into an account less what went out.
type Balance struct {
	Account  Account
	Currency money.Currency
}

// Balances adds transfers up. The sum over all accounts of one currency is 0.
// It fails on a transfer that is none, and on overflow.
func Balances(transfers []Transfer) (map[Balance]money.Minor, error) {
	sums := make(map[Balance]money.Minor)
	for _, t := range transfers {
		if !t.Valid() {
			return nil, fmt.Errorf("add transfer %s %s -> %s of %d %s: not a movement", t.Kind, t.From, t.To, t.Amount.Minor, t.Amount.Currency)
		}
		from, to := Balance{t.From, t.Amount.Currency}, Balance{t.To, t.Amount.Currency}
		less, ok := money.Sub(sums[from], t.Amount.Minor)
		more, ok2 := money.Add(sums[to], t.Amount.Minor)
		if !ok || !ok2 {
			return nil, fmt.Errorf("add transfer %s %s -> %s: the balance overflows", t.Kind, t.From, t.To)
		}
		sums[from], sums[to] = less, more
	}
	return sums, nil
}
