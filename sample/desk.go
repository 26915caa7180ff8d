package sample

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/bulk"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

// desk is what people at the shop do: approve, reroute, upload files.
func (m *month) desk(ctx context.Context, hour, hours int) error {
	left := hours - hour
	if hour%6 == 4 && left > 30 { // what came last waits for somebody who looks
		if err := m.approve(ctx); err != nil {
			return err
		}
		if err := m.reroute(ctx); err != nil {
			return err
		}
	}
	switch hour {
	case hours * 2 / 5:
		return m.finishedFile(ctx)
	case hours / 5: // one that is refused, and one that is approved
		return errors.Join(m.askFor(ctx, 41_300), m.askFor(ctx, 42_700))
	case hours / 2, hours * 2 / 3:
		return m.dispute(ctx, hour)
	}
	return nil
}

// leftEnds are amounts of refunds that are asked for at the end: abnormal, short of
// funds, pending, failed, and above what the policy lets pass.
var leftEnds = []int64{152, 252, 352, 155, 255, 158, 258, 358, 151, 42_000, 51_500, 44_500}

// last is the state in which the month is left: something waits in every queue.
func (m *month) last(ctx context.Context) error {
	for n, amount := range leftEnds {
		m.clock.to(m.end.Add(time.Duration(n-len(leftEnds)) * time.Minute))
		if err := m.askFor(ctx, amount); err != nil {
			return err
		}
	}
	m.clock.to(m.end)
	if err := m.waitingFile(ctx); err != nil {
		return err
	}
	m.counts = true
	return m.dispute(ctx, -1)
}

// askFor asks for a refund of an amount, of the last payment that has so much left.
func (m *month) askFor(ctx context.Context, amount int64) error {
	for at := len(m.payments) - 1; at >= 0; at-- {
		if p := &m.payments[at]; p.Currency == "CNY" && p.left >= amount+500 {
			return m.askOf(ctx, []wish{{at, amount}})
		}
	}
	return nil
}

// list reads the merchant's refunds of a state, newest first.
func (m *month) list(ctx context.Context, state refund.State) ([]refund.Refund, error) {
	refunds, _, err := m.service.Store.RefundList(ctx, refund.Filter{MerchantID: m.merchant.ID, States: []refund.State{state}, Page: refund.Page{Limit: 20}})
	return refunds, err
}

// approve has finance look at what waits: most is approved, some is refused.
func (m *month) approve(ctx context.Context) error {
	held, err := m.list(ctx, refund.Held)
	if err != nil {
		return err
	}
	for _, r := range held {
		if r.HeldReason != refund.HeldForApproval {
			continue
		}
		if r.Amount == 41_300 || m.random.IntN(8) == 0 {
			_, err = m.admin().Refuse(ctx, ben, m.merchant.ID, r.ID, admin.Approving{Note: "请先联系客户 ask the customer first"})
		} else {
			_, err = m.admin().Approve(ctx, ben, m.merchant.ID, r.ID, admin.Approving{})
		}
		if err != nil && refund.KindOf(err) != refund.KindStateConflict {
			return err
		}
	}
	return m.settle(ctx)
}

// reroute sends abnormal refunds to the merchant's own account.
func (m *month) reroute(ctx context.Context) error {
	abnormal, err := m.list(ctx, refund.Abnormal)
	if err != nil {
		return err
	}
	for _, r := range abnormal {
		if err := m.service.Sandbox().Reroute(ctx, m.account, r.ChannelNumber, nil); err != nil && refund.As(err) == nil {
			return err
		}
	}
	return m.settle(ctx)
}

// file is a file of refunds of payments of which nothing was refunded.
func (m *month) file(lines int, more ...string) string {
	var text strings.Builder
	text.WriteString("charge,amount_decimal,reason,number\n")
	for at := len(m.payments) - 1; at >= 0 && lines > 0; at-- {
		p := &m.payments[at]
		if p.left != int64(p.Amount) || p.Currency != "CNY" || p.Amount < 600 {
			continue
		}
		lines--
		p.left -= 500
		_, _ = fmt.Fprintf(&text, "%s,5.00,活动补偿 goodwill,G-%s\n", p.OrderNo, p.OrderNo)
	}
	for _, line := range more {
		text.WriteString(line + "\n")
	}
	return text.String()
}

func (m *month) upload(ctx context.Context, name, file string) (bulk.Job, error) {
	job, _, err := m.admin().UploadBulk(ctx, amy, m.merchant.ID, strings.NewReader(file), admin.BulkUpload{Options: bulk.Options{Name: name}, Limits: bulk.DefaultLimits()})
	if err == nil {
		err = m.settle(ctx)
	}
	return job, err
}

// maxSettles bounds how long a file is waited for.
const maxSettles = 50

// finishedFile is a file of refunds that somebody uploaded and somebody else started.
func (m *month) finishedFile(ctx context.Context) error {
	job, err := m.upload(ctx, "补偿 goodwill.csv", m.file(60))
	if err != nil {
		return err
	}
	if _, err := m.admin().StartBulk(ctx, ben, job.Key(), admin.BulkStarting{}); err != nil {
		return err
	}
	for range maxSettles {
		if err := m.settle(ctx); err != nil {
			return err
		}
		if job, err = m.service.Store.BulkJob(ctx, job.Key()); err != nil || job.State == bulk.Finished {
			return err
		}
	}
	return fmt.Errorf("the file of refunds is %s: %s %s", job.Phase(), job.Reason, job.Problem)
}

// waitingName is the name of the file that is uploaded last.
const waitingName = "price-difference.csv"

// waitingFile waits for the person who starts it.
func (m *month) waitingFile(ctx context.Context) error {
	_, err := m.upload(ctx, waitingName, m.file(24, "S00000000001,5.00,unknown order,", m.payments[0].OrderNo+",999999.00,too much,"))
	return err
}

// dispute has a payer dispute a payment; every second one is decided.
func (m *month) dispute(ctx context.Context, n int) error {
	for at := len(m.payments) - 1 - m.random.IntN(50); at >= 0; at-- {
		p := &m.payments[at]
		if p.left != int64(p.Amount) {
			continue
		}
		p.left = 0
		told := refund.Dispute{
			MerchantID: m.merchant.ID, ChargeID: p.ID, ChannelAccount: m.account, ChannelDisputeID: fmt.Sprintf("du_sample_%d", n+1),
			Amount: money.Amount{Minor: p.Amount, Currency: p.Currency}, State: refund.DisputeOpen, Reason: "fraudulent", ChannelAt: m.clock.now,
		}
		key := refund.ChargeKey{MerchantID: m.merchant.ID, ID: p.ID}
		if _, err := m.service.Store.Dispute(ctx, key, told, m.clock.now); err != nil {
			return err
		}
		return m.settle(ctx)
	}
	return nil
}
