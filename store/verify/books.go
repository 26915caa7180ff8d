package verify

import (
	"cmp"
	"math/big"
	"slices"

	"github.com/refundry/refundry/ledger"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

// books is the balance of each account of one merchant, by transfers and by
// what its refunds say. Sums over all of a merchant's money can need more than
// 64 bits where no single one does.
type books struct {
	v         *verifier
	merchant  string
	moved     map[ledger.Balance]*big.Int
	should    map[ledger.Balance]*big.Int
	temporary big.Int
}

func newBooks(v *verifier) *books {
	return &books{v: v, moved: make(map[ledger.Balance]*big.Int), should: make(map[ledger.Balance]*big.Int)}
}

// of turns to a merchant, whose rows come one after the other.
func (b *books) of(merchant string) {
	if merchant != b.merchant {
		b.end()
		b.merchant = merchant
	}
}

func (b *books) change(balances map[ledger.Balance]*big.Int, account ledger.Account, currency money.Currency, m money.Minor) {
	key := ledger.Balance{Account: account, Currency: currency}
	sum := balances[key]
	if sum == nil {
		sum = new(big.Int)
		balances[key] = sum
	}
	sum.Add(sum, b.temporary.SetInt64(int64(m)))
}

func (b *books) add(t ledger.Transfer) {
	b.change(b.moved, t.From, t.Amount.Currency, -t.Amount.Minor)
	b.change(b.moved, t.To, t.Amount.Currency, t.Amount.Minor)
}

// expect adds where a refund's money must be.
func (b *books) expect(state refund.State, currency money.Currency, amount money.Minor, legs ledger.Legs) {
	switch {
	case state.Reserves():
		b.change(b.should, ledger.Available, currency, -amount)
		b.change(b.should, ledger.Reserved, currency, amount)
	case state == refund.Succeeded:
		b.change(b.should, ledger.Available, currency, -legs.Total())
		b.change(b.should, ledger.Payer, currency, legs.Payer)
		b.change(b.should, ledger.CouponCash, currency, legs.CouponCash)
		b.change(b.should, ledger.CouponNoCash, currency, legs.CouponNoCash)
		b.change(b.should, ledger.ChannelFee, currency, -legs.Fee)
		b.change(b.should, ledger.FeeReturned, currency, legs.Fee)
	}
}

// end compares the merchant's accounts, and the sum of each currency with 0.
func (b *books) end() {
	var accounts []ledger.Balance
	sums := make(map[money.Currency]*big.Int)
	for key, moved := range b.moved {
		accounts = append(accounts, key)
		if sums[key.Currency] == nil {
			sums[key.Currency] = new(big.Int)
		}
		sums[key.Currency].Add(sums[key.Currency], moved)
	}
	for key := range b.should {
		if b.moved[key] == nil {
			accounts = append(accounts, key)
		}
	}
	slices.SortFunc(accounts, func(x, y ledger.Balance) int {
		return cmp.Or(cmp.Compare(x.Currency, y.Currency), cmp.Compare(x.Account, y.Account))
	})
	for _, key := range accounts {
		moved, should := orZero(b.moved[key]), orZero(b.should[key])
		if moved.Cmp(should) != 0 {
			b.v.found(Books, b.merchant, "account "+string(key.Account)+" in "+string(key.Currency),
				"transfers leave %s in it, its refunds say %s", moved, should)
		}
	}
	for currency, sum := range sums {
		if sum.Sign() != 0 {
			b.v.found(Books, b.merchant, "currency "+string(currency), "the accounts sum to %s", sum)
		}
	}
	clear(b.moved)
	clear(b.should)
}

func orZero(n *big.Int) *big.Int {
	if n == nil {
		return new(big.Int)
	}
	return n
}
