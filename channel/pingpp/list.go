package pingpp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/pingpp"
)

// numberKey is the member of a refund's metadata that holds our number. Ping++
// returns metadata as it was sent; a refund that was made elsewhere has no such
// member.
const numberKey = "refundry_number"

// maxPages bounds a list. A charge of which more than 2,000 refunds are listed is
// not one that a person made.
const maxPages = 100

// refunds reads all refunds of a charge, newest first. An error says that they are
// not all; it is a *faulted where Ping++ refuses to list them.
func (c *connector) refunds(ctx context.Context, charge string) (all []wire.Refund, sent refund.Sent, err error) {
	seen := make(map[string]bool)
	after := ""
	for range maxPages {
		a := c.call(ctx, http.MethodGet, refundsTarget(charge, after), nil)
		sent = a.sent
		if err = a.failure(); err != nil {
			return nil, sent, err
		}
		page, err := wire.DecodeRefundList(a.value)
		if err != nil {
			return nil, sent, err
		}
		for _, one := range page.Data {
			if one.Charge != charge || seen[one.ID] {
				return nil, sent, fmt.Errorf("%w: refund %s is out of place in a list", wire.ErrAnswer, one.ID)
			}
			seen[one.ID] = true
			all = append(all, one)
		}
		if !page.HasMore {
			return all, sent, nil
		}
		after = page.Data[len(page.Data)-1].ID
	}
	return nil, sent, fmt.Errorf("%w: the list has more than %d pages", wire.ErrAnswer, maxPages)
}

// match finds our refund in a charge's list: the one whose id is known, or the
// oldest of those with its number that have not failed, or else the newest. twins
// are the others that have not failed: refunds that a submit made which should have
// found the first.
func match(all []wire.Refund, number, id string) (found *wire.Refund, twins []wire.Refund) {
	var live []wire.Refund
	for at := range all {
		switch one := all[at]; {
		case wire.MetadataText(one.Metadata, numberKey) != number && (id == "" || one.ID != id):
		case one.Status != wire.StatusFailed:
			live = append(live, one)
		case found == nil:
			found = &all[at]
		}
	}
	if len(live) == 0 {
		return found, nil
	}
	// The list is the newest first, and created is in whole seconds.
	slices.Reverse(live)
	slices.SortStableFunc(live, func(a, b wire.Refund) int {
		if (a.ID == id) != (b.ID == id) {
			return map[bool]int{true: -1, false: 1}[a.ID == id]
		}
		return cmp.Compare(a.Created, b.Created)
	})
	return &live[0], live[1:]
}

// List implements channel.Connector. A refund that does not carry a number of ours
// is listed under its own id: Ping++ shows the metadata of each, so that it is
// known to be none of ours. So is a second refund of the same number.
func (c *connector) List(ctx context.Context, ref channel.PaymentRef) ([]channel.Listed, error) {
	charge := c.charge(ref.TransactionID, ref.Charge)
	if charge == "" {
		return nil, errNoCharge
	}
	currency := ref.Charge.Currency
	if currency == "" {
		found, err := c.found(ctx, charge)
		if err != nil {
			return nil, err
		}
		currency = money.Currency(strings.ToUpper(found.Currency))
	}
	all, _, err := c.refunds(ctx, charge)
	if fault := (*faulted)(nil); errors.As(err, &fault) && fault.noCharge() {
		return nil, channel.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("list refunds: %w", err)
	}
	out := make([]channel.Listed, 0, len(all))
	for _, one := range all {
		row, err := listed(one, all, currency)
		if err != nil {
			return nil, err
		}
		row.TransactionID = cmp.Or(ref.TransactionID, charge)
		out = append(out, row)
	}
	return out, nil
}

func listed(one wire.Refund, all []wire.Refund, currency money.Currency) (channel.Listed, error) {
	kind := kindOf(one)
	if kind == refund.OutcomeUnknown {
		return channel.Listed{}, fmt.Errorf("%w: refund %s has an unclear state", wire.ErrAnswer, one.ID)
	}
	row := channel.Listed{
		Number: wire.MetadataText(one.Metadata, numberKey), ChannelRefundID: one.ID, OrderNo: one.ChargeOrderNo,
		Amount: money.Amount{Minor: money.Minor(one.Amount), Currency: currency}, Kind: kind, MadeAt: madeAt(one), SucceededAt: succeededAt(one),
	}
	if row.Number != "" {
		if first, _ := match(all, row.Number, ""); first.ID != one.ID {
			row.Number = ""
		}
	}
	row.Number = cmp.Or(row.Number, one.ID)
	return row, nil
}

func madeAt(one wire.Refund) time.Time {
	if one.Created == 0 {
		return time.Time{}
	}
	return time.Unix(one.Created, 0)
}

func succeededAt(one wire.Refund) time.Time {
	if one.TimeSucceed == nil || !one.Succeed {
		return time.Time{}
	}
	return time.Unix(*one.TimeSucceed, 0)
}
