package sim

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/refundry/refundry/channelsim"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/service"
)

// compare holds our refunds against the channel's books, one by one, and verifies our
// own.
func (s *soak) compare(ctx context.Context, report *SoakReport) error {
	ours, err := s.refunds(ctx)
	if err != nil {
		return err
	}
	theirs := make(map[string][]channelsim.Entry)
	for _, entry := range s.simulator.Books(s.opts.Channel) {
		name := entry.Number
		if entry.Foreign {
			name = entry.RefundID
		}
		theirs[name] = append(theirs[name], entry)
	}
	if len(ours) != len(s.orders)+len(s.foreign) {
		report.differ("%d refunds were asked for and %d made at the channel, and there are %d", len(s.orders), len(s.foreign), len(ours))
	}
	asked := make(map[string]money.Minor)
	for _, o := range s.orders {
		asked[o.number] = o.amount
	}
	for _, one := range ours {
		want, name := asked[one.Number], one.Upstream
		if id, foreign := s.foreignOf(one, theirs); foreign {
			want, name = s.foreign[id], id
			report.Adopted++
		}
		if want != one.Amount {
			report.differ("refund %s is of %d, and should be of %d", one.Number, one.Amount, want)
		}
		report.one(one, theirs[name])
		delete(theirs, name)
	}
	for name := range theirs {
		report.differ("the channel has refund %s, which is none of ours", name)
	}
	if refusals := s.refusals(); report.Failed > refusals {
		report.differ("%d refunds failed, and the channel refused %d; the reasons: %s", report.Failed, refusals, reasons(ours))
	}
	found, err := service.Verify(ctx, s.Service.Store)
	if err != nil {
		return err
	}
	for _, one := range found {
		report.differ("verify: %v", one)
	}
	return nil
}

// foreignOf finds the refund made at the channel that one of ours was adopted from: by
// the channel's id, or by its amount where only the sum of what was refunded there was
// known, before the first refund of ours.
func (s *soak) foreignOf(one refundSeen, theirs map[string][]channelsim.Entry) (id string, ok bool) {
	if _, ok := s.foreign[one.Theirs]; ok || one.Number != "" || one.Theirs != "" {
		return one.Theirs, ok
	}
	for id, amount := range s.foreign {
		if amount == one.Amount && theirs[id] != nil {
			return id, true
		}
	}
	return "", false
}

// refusals are how many refunds the channel refused for good, at most: it refuses
// nothing that is asked for here, unless it says that the payment was another, or that
// funds are short where that is a refusal.
func (s *soak) refusals() (count int) {
	for _, hit := range s.hits() {
		lied := hit.Phase == channelsim.InCharge && hit.Fault == channelsim.WrongAmount
		if lied || hit.Fault == channelsim.ShortOfFunds && s.channel.RefusesShort {
			count += hit.Hits
		}
	}
	return count
}

// reasons are why refunds failed, each once.
func reasons(ours []refundSeen) string {
	var all []string
	for _, one := range ours {
		if one.State == "failed" && one.Failure != nil {
			all = append(all, one.Failure.Code+" "+one.Failure.Message)
		}
	}
	slices.Sort(all)
	return strings.Join(slices.Compact(all), "; ")
}

// one compares a refund with what the channel has under its number.
func (r *SoakReport) one(ours refundSeen, theirs []channelsim.Entry) {
	var moves int
	var returned bool
	for _, entry := range theirs {
		moves += entry.Moves
		returned = returned || entry.State == channelsim.Returned
		if entry.Amount != ours.Amount {
			r.differ("refund %s: the channel has %d, we have %d", ours.Number, entry.Amount, ours.Amount)
		}
	}
	switch {
	case len(theirs) > 1 || moves > 1:
		r.differ("refund %s: the channel moved money %d times, in %d refunds", ours.Number, moves, len(theirs))
	case ours.State == "succeeded" && (moves != 1 || returned):
		r.differ("refund %s succeeded, and the channel has %+v", ours.Number, theirs)
	case ours.State == "failed" && moves == 1 && !returned:
		r.differ("refund %s failed, and the channel moved its money", ours.Number)
	case ours.State == "succeeded":
		r.Succeeded++
		r.Moved += int64(ours.Amount)
	case ours.State == "failed" && returned:
		r.Returned++
	case ours.State == "failed":
		r.Failed++
	default:
		r.differ("refund %s is %s", ours.Number, ours.State)
	}
}

func (r *SoakReport) differ(format string, args ...any) {
	r.Differences = append(r.Differences, fmt.Sprintf(format, args...))
}
