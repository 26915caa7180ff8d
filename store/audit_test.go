package store_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/service"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/storetest"
)

func TestARecordIsReadAsItWasWrittenOnceItIsLinked(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		record := audit.New(audit.ByCommand("root"), "mer_1", "merchant.add", "mer_1", time.Now()).With("name", "小店 \"x\"")
		record.RequestID = "iar_1"
		bare := audit.New(audit.ByKey("key_1"), "mer_1", "key.expire", "", time.Now())
		for _, r := range []audit.Record{record, bare} {
			if err := s.WriteAudit(ctx, r, ""); err != nil {
				t.Fatal(err)
			}
		}
		if read, err := s.AuditRecords(ctx, "mer_1", 0, 10); err != nil || len(read) != 0 {
			t.Errorf("before it is linked: %v, %v", read, err)
		}
		if chains, err := s.ChainsToLink(ctx, 10); err != nil || !cmp.Equal(chains, []string{"mer_1"}) {
			t.Errorf("chains to link: %v, %v", chains, err)
		}
		if linked, err := s.LinkAudit(ctx, "mer_1"); err != nil || linked != 2 {
			t.Fatalf("linked %d, %v", linked, err)
		}
		read, err := s.AuditRecords(ctx, "mer_1", 0, 10)
		if err != nil || len(read) != 2 {
			t.Fatal(read, err)
		}
		var head audit.Head
		for n, want := range []audit.Record{record, bare} {
			want.ID = read[n].ID
			want = head.Link(want)
			head = audit.Head{Number: want.Number, Hash: want.Hash}
			if diff := cmp.Diff(want, read[n]); diff != "" {
				t.Errorf("(-written +read) %s", diff)
			}
		}
		if read, err := s.AuditRecords(ctx, "mer_1", 1, 10); err != nil || len(read) != 1 || read[0].Number != 2 {
			t.Errorf("after the first: %v, %v", read, err)
		}
		if chains, err := s.ChainsToLink(ctx, 10); err != nil || len(chains) != 0 {
			t.Errorf("all is linked, and to link are %v, %v", chains, err)
		}
	})
}

func TestAnActionWithoutAnActorDoesNotHappen(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		const effect = `INSERT INTO merchants (id, name, mode, created_at) VALUES ('mer_x', 'x', 'test', 1)`
		err := s.WriteAudit(t.Context(), audit.New(audit.Actor{}, "mer_x", "merchant.add", "mer_x", time.Now()), effect)
		if !errors.Is(err, audit.ErrNoActor) {
			t.Errorf("error %v", err)
		}
		if ids, err := s.Texts(t.Context(), `SELECT id FROM merchants`); err != nil || len(ids) != 0 {
			t.Errorf("its effect is there: %v, %v", ids, err)
		}
	})
}

func TestRecordsOfManyWritersAndLinkersMakeOneChainForEachMerchant(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		const writers, each = 6, 12
		var writing sync.WaitGroup
		for w := range writers {
			writing.Go(func() {
				merchantID := []string{"", "mer_1", "mer_2"}[w%3]
				for n := range each {
					record := audit.New(audit.ByKey("key_1"), merchantID, "endpoint.add", fmt.Sprintf("ep_%d_%d", w, n), time.Now())
					if err := s.WriteAudit(t.Context(), record, ""); err != nil {
						t.Error(err)
					}
					if _, err := s.LinkAudit(t.Context(), merchantID); err != nil {
						t.Error(err)
					}
				}
			})
		}
		writing.Wait()
		for _, merchantID := range []string{"", "mer_1", "mer_2"} {
			read, err := s.AuditRecords(t.Context(), merchantID, 0, 1000)
			if err != nil || len(read) != writers/3*each {
				t.Errorf("%q: %d records, %v", merchantID, len(read), err)
			}
		}
		if found, err := service.Verify(t.Context(), s); err != nil || len(found) != 0 {
			t.Errorf("verify finds %v, %v", found, err)
		}
	})
}

func TestAnImportIsRecordedWithEachCommitThatRegistersSomething(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		record := audit.New(audit.ByCommand("root"), "mer_1", "charge.import", "", time.Now()).With("source", "may.csv")
		charges := make([]refund.Charge, 3)
		for n := range charges {
			charges[n] = refund.Charge{
				MerchantID: "mer_1", ID: fmt.Sprintf("ch_%d", n), OrderNo: fmt.Sprintf("T%d", n), Channel: "wx", ChannelAccount: "account_1",
				TransactionID: fmt.Sprintf("4200%d", n), Currency: "CNY", Amount: 100, PaidAt: noon, CreatedAt: noon,
			}
		}
		charges[2].Amount = -1
		for range 2 { // again registers nothing, and leaves no record
			results, err := s.ImportCharges(t.Context(), charges, refund.Action{Record: record})
			if err != nil || results[0].Err != nil || results[1].Err != nil || results[2].Err == nil {
				t.Fatalf("%+v, %v", results, err)
			}
		}
		if _, err := s.ImportCharges(t.Context(), charges, refund.Action{}); !errors.Is(err, audit.ErrNoActor) {
			t.Errorf("nobody imports: %v", err)
		}
		if _, err := s.LinkAudit(t.Context(), "mer_1"); err != nil {
			t.Fatal(err)
		}
		read, err := s.AuditRecords(t.Context(), "mer_1", 0, 10)
		if err != nil || len(read) != 1 || read[0].Detail["registered"] != "2" || read[0].Detail["source"] != "may.csv" {
			t.Errorf("%v, %v", read, err)
		}
	})
}
