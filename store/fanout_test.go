package store_test

import (
	"context"
	"database/sql"
	"testing"
	"time"

	"github.com/refundry/refundry/store/storetest"
)

// A session that holds the counter's row, such as a replica that hangs, is not
// waited for: the merchant's events are taken over when the row is free.
func TestAFanOutDoesNotWaitForTheCounter(t *testing.T) {
	url := storetest.Postgres(t)
	s := storetest.Open(t, url)
	shopCharge(t, s, "mer_1", "A")
	shopRefund(t, s, "mer_1", "ch_A", "1", 1, noon)
	number(t, s, "mer_1")
	shopRefund(t, s, "mer_1", "ch_A", "2", 1, noon.Add(time.Minute))
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	held, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := held.Exec(`UPDATE feed_counters SET last_number = last_number WHERE merchant_id = 'mer_1'`); err != nil {
		t.Fatal(err)
	}
	news, err := s.News(t.Context(), "mer_1", 10)
	if err != nil || len(news.Events) != 1 {
		t.Fatalf("news %+v, %v", news, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	if done, err := s.FanOut(ctx, news, nil); done || err != nil {
		t.Errorf("while the counter is held: done %v, %v", done, err)
	}
	if err := held.Rollback(); err != nil {
		t.Fatal(err)
	}
	if done, err := s.FanOut(ctx, news, nil); !done || err != nil {
		t.Errorf("when it is free: done %v, %v", done, err)
	}
	if events := feed(t, s, "mer_1", 0); len(events) != 2 || events[1].FeedNumber != 2 {
		t.Errorf("the feed has %+v", events)
	}
}
