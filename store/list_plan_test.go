package store_test

import (
	"strings"
	"testing"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/storetest"
)

// A filter that finds few of a merchant's many rows reads its own index and not
// the merchant's rows from the newest on.
func TestAFilterReadsItsOwnIndex(t *testing.T) {
	page := refund.Page{Limit: 20}
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		for _, text := range append(manyRefunds,
			`UPDATE charges SET customer = 'M-7' WHERE id = 'ch_7'`,
			`UPDATE refunds SET customer = 'M-7', reason_code = 'late' WHERE id = 're_7'`,
			`UPDATE refunds SET state = 'failed', succeeded_at = 0, failure_code = 'CLOSED', doubt = 16 WHERE id = 're_7'`,
			`UPDATE refunds SET held_reason = 'funds', asked_by = '{"dialect":"channel"}' WHERE id = 're_7'`,
			`UPDATE charges SET excess = 1 WHERE id = 'ch_7'`,
			"ANALYZE") {
			if s.SQLite() && text == "ANALYZE" {
				continue // nobody measures a SQLite database: the plan must be right without
			}
			if err := s.Exec(t.Context(), text); err != nil {
				t.Fatal(err)
			}
		}
		for index, f := range map[string]refund.Filter{
			"refunds_customer":     {Customer: "M-7"},
			"refunds_reason_code":  {ReasonCode: "late"},
			"refunds_failure_code": {FailureCode: "CLOSED"},
			"refunds_needs_person": {NeedsPerson: true},
			"refunds_state":        {States: []refund.State{refund.Failed}},
			"refunds_state ":       {States: []refund.State{refund.Failed, refund.Abnormal}},
			"refunds_short":        {ShortOfFunds: true},
			"refunds_adopted":      {Adopted: true},
		} {
			f.MerchantID, f.Page = "mer_many", page
			found, more, err := s.RefundList(t.Context(), f)
			if err != nil || more || len(found) != 1 || found[0].ID != "re_7" {
				t.Errorf("%s finds %d, %v", index, len(found), err)
			}
			lines, err := s.ListPlan(t.Context(), f)
			if plan := strings.Join(lines, "\n"); err != nil || !strings.Contains(plan, strings.TrimSpace(index)) {
				t.Errorf("%s is not read: %v\n%s", index, err, plan)
			}
		}
		for index, f := range map[string]refund.ChargeFilter{"charges_customer": {Customer: "M-7"}, "charges_excess": {Excess: true}} {
			f.MerchantID, f.Page = "mer_many", page
			lines, err := s.ChargePlan(t.Context(), f)
			if plan := strings.Join(lines, "\n"); err != nil || !strings.Contains(plan, index) {
				t.Errorf("%s is not read: %v\n%s", index, err, plan)
			}
		}
		lines, err := s.ShortagePlan(t.Context(), "mer_many")
		if plan := strings.Join(lines, "\n"); err != nil || !strings.Contains(plan, "refunds_short") {
			t.Errorf("refunds_short is not added up: %v\n%s", err, plan)
		}
	})
}

const manyDeliveries = `WITH RECURSIVE v(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM v WHERE i < 3000)
	INSERT INTO deliveries (merchant_id, created_at, id, event_id, dialect, url, body, state, ended_at)
	SELECT 'mer_many', i, 'd' || i, 'evt_' || i, 'native', 'https://shop.example/', '', 'delivered', i FROM v`

// The deliveries that nobody received, and those that wait, are few of many.
func TestDeliveriesOfAStateReadAnIndexOfTheirOwn(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		for _, text := range []string{
			manyDeliveries,
			`UPDATE deliveries SET state = 'dead', replayed_at = 9 WHERE id = 'd7'`,
			`UPDATE deliveries SET state = 'waiting', due_at = 9, ended_at = 0 WHERE id = 'd8'`,
			"ANALYZE",
		} {
			if s.SQLite() && text == "ANALYZE" {
				continue // nobody measures a SQLite database: the plan must be right without
			}
			if s.SQLite() { // bytes are written in another way there
				text = strings.ReplaceAll(text, "'',", "X'',")
			}
			if err := s.Exec(t.Context(), text); err != nil {
				t.Fatal(err)
			}
		}
		for state, want := range map[merchant.DeliveryState]struct{ index, id string }{
			merchant.DeliveryDead:    {"deliveries_given_up", "d7"},
			merchant.DeliveryWaiting: {"deliveries_due_", "d8"},
		} {
			f, page := merchant.DeliveryFilter{MerchantID: "mer_many", State: state}, refund.Page{Limit: 20}
			found, more, err := s.DeliveryList(t.Context(), f, page)
			if err != nil || more || len(found) != 1 || found[0].Delivery.ID != want.id {
				t.Errorf("%s: found %d, %v", state, len(found), err)
			}
			lines, err := s.DeliveryPlan(t.Context(), f, page)
			if plan := strings.Join(lines, "\n"); err != nil || !strings.Contains(plan, want.index) {
				t.Errorf("%s is not read: %v\n%s", want.index, err, plan)
			}
		}
	})
}

// The notices of one refund are found among many of its account.
func TestTheNoticesOfARefundAreFoundByIndexes(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		for _, text := range append(manyRefunds, `WITH RECURSIVE v(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM v WHERE i < 3000)
			INSERT INTO channel_notices (merchant_id, account, id, channel, created_at, digest, state, number, refund_id)
			SELECT 'mer_many', 'acc', 'note_' || i, 'wx', i, 'd' || i, 'done', CASE WHEN i % 3 = 0 THEN '' ELSE 'cn' || i END, CASE WHEN i % 2 = 0 THEN '' ELSE 're_' || i END FROM v`,
			`UPDATE channel_notices SET refund_id = 're_7' WHERE id = 'note_9'`, `ANALYZE`) {
			if err := s.Exec(t.Context(), text); err != nil {
				t.Fatal(err)
			}
		}
		r := refund.Refund{MerchantID: "mer_many", ID: "re_7", ChannelAccount: "acc", ChannelNumber: "cn7"}
		notices, err := s.RefundNotices(t.Context(), r)
		if err != nil || len(notices) != 2 || notices[0].ID != "note_7" || notices[1].ID != "note_9" {
			t.Errorf("found %+v, %v", notices, err)
		}
		lines, err := s.NoticePlan(t.Context(), r)
		plan := strings.Join(lines, "\n")
		for _, index := range []string{"channel_notices_number", "channel_notices_refund"} {
			if err != nil || !strings.Contains(plan, index) {
				t.Errorf("%s is not read: %v\n%s", index, err, plan)
			}
		}
	})
}
