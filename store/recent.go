package store

import (
	"sync"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
	"github.com/refundry/refundry/webhook"
)

// maxRecent bounds the events of one generation, of which there are two: a
// second of a busy service, and a few megabytes.
const maxRecent = 1024

// recent remembers the events that this process wrote, with their refunds and
// charges, so that the fan-out, which comes milliseconds later, need not read
// and decode them again. It decides nothing: an event is found in the database
// first, and what is not remembered, such as another process's, is read there.
// Ids are made anew for each run of a transaction, so that what the database
// has under an id is what was remembered under it, whatever became of runs
// that were undone. Its zero value is ready.
type recent struct {
	mu         sync.Mutex
	young, old map[rowKey]*webhook.Event
}

// put remembers an event. When a generation is full, the one before it, which
// nobody came for, is forgotten.
func (r *recent) put(e *webhook.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.young) >= maxRecent {
		r.old, r.young = r.young, nil
	}
	if r.young == nil {
		r.young = make(map[rowKey]*webhook.Event)
	}
	r.young[rowKey{e.MerchantID, e.ID}] = e
}

// get returns an event, nil if it is not remembered. It stays, and as it is: the
// fan-out may be run again.
func (r *recent) get(key rowKey) *webhook.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.young[key]; e != nil {
		return e
	}
	return r.old[key]
}

// forget drops events that have their numbers.
func (r *recent) forget(events []webhook.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range events {
		delete(r.young, rowKey{e.MerchantID, e.ID})
		delete(r.old, rowKey{e.MerchantID, e.ID})
	}
}

// remember notes an event that change has made, as restore would read it.
func (r *recent) remember(id string, e refund.Event, change refund.Change) {
	for _, one := range change.Refunds {
		if one.ID != e.RefundID || change.Charge.ID != e.ChargeID {
			continue
		}
		noted := &webhook.Event{MerchantID: change.Charge.MerchantID, ID: id, Type: e.Type, At: sqldb.FromMicros(sqldb.Micros(e.At)), RequestID: e.RequestID}
		noted.Refund, noted.Charge = e.Snapshot.Restore(one, change.Charge)
		r.put(noted)
		return
	}
}
