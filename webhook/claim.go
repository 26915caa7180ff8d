package webhook

import (
	"context"
	"time"

	"github.com/refundry/refundry/merchant"
)

const (
	// claimOf is how many due deliveries of one merchant are taken in its turn,
	// when there are more due than one step takes.
	claimOf = 16
	// claimMerchants is how many merchants have a turn in one step.
	claimMerchants = 64
)

// stepClaim takes deliveries that are due into memory, as far as there is room
// for their merchants and hosts. It returns how many.
func (s *Sender) stepClaim(ctx context.Context) (int, error) {
	now := s.now()
	keys, err := s.store.DueDeliveries(ctx, now, claimAtOnce)
	if err != nil {
		return 0, err
	}
	crowded := len(keys) == claimAtOnce
	if crowded {
		// The oldest may all be of one merchant, and wait for its hosts.
		if keys, err = s.dueInTurns(ctx, now); err != nil {
			return 0, err
		}
	}
	due := len(keys)
	keys, err = s.fitting(ctx, keys, now)
	s.behind.Store(crowded || len(keys) < due)
	if err != nil || len(keys) == 0 {
		return 0, err
	}
	claimed, err := s.store.ClaimDeliveries(ctx, keys, now, now.Add(lease))
	if err != nil {
		return 0, err
	}
	s.queue.put(claimed)
	return len(claimed), nil
}

// dueInTurns lists some due deliveries of each merchant that has room, from the
// one after the last that had a turn.
func (s *Sender) dueInTurns(ctx context.Context, now time.Time) ([]merchant.DeliveryKey, error) {
	merchants, err := s.store.MerchantsWithDueDeliveries(ctx, s.due, now, claimMerchants)
	if err != nil {
		return nil, err
	}
	var found []merchant.DeliveryKey
	for _, merchantID := range merchants {
		s.due = merchantID
		room := min(s.queue.room(merchantID), claimOf)
		if room == 0 {
			continue
		}
		keys, err := s.store.DueDeliveriesOf(ctx, merchantID, now, s.queue.full(merchantID), room)
		if err != nil {
			return nil, err
		}
		if found = append(found, keys...); len(found) >= claimAtOnce {
			return found, nil
		}
	}
	if len(merchants) < claimMerchants {
		s.due = ""
	}
	return found, nil
}

// fitting returns the keys that may be claimed: there is room for them, and their
// hosts are not left alone. Those whose hosts are, are put off.
func (s *Sender) fitting(ctx context.Context, keys []merchant.DeliveryKey, now time.Time) ([]merchant.DeliveryKey, error) {
	fits := s.queue.fits()
	var fitting []merchant.DeliveryKey
	off := make(map[time.Time][]merchant.DeliveryKey)
	for _, key := range keys {
		at := place{key.MerchantID, key.Host}
		switch until, open := s.breakers.open(at, now); {
		case open && now.Sub(key.CreatedAt) < maxPutOffAge:
			off[until] = append(off[until], key)
		case fits(at):
			s.breakers.begin(at, now)
			fitting = append(fitting, key)
		}
	}
	for until, some := range off {
		if err := s.store.ReturnDeliveries(ctx, some, until); err != nil {
			return nil, err
		}
	}
	return fitting, nil
}

// learn notes whether a host hangs. What waits for one that is left alone from
// now on is put off.
func (s *Sender) learn(ctx context.Context, a merchant.DeliveryAttempt) {
	at := placeOf(a.Delivery)
	if a.Status != 0 {
		s.queue.answered(at, a.Duration)
	} else {
		s.queue.failed(at)
	}
	if a.Status != 0 || a.Duration < hangTime {
		s.breakers.answered(at)
		return
	}
	broken, until := s.breakers.hung(at, a.At.Add(a.Duration))
	if broken == nil {
		return
	}
	left := s.queue.empty(broken)
	s.opts.Log.Warn("webhooks: an address hangs and is left alone for a while", "merchant_id", at.merchantID, "host", at.host, "until", until, "put_off", len(left))
	s.giveBack(ctx, left, until)
}

// giveBack returns the leases of what nobody will send any more here, to be due
// at the given time.
func (s *Sender) giveBack(ctx context.Context, left []merchant.Delivery, at time.Time) {
	if len(left) == 0 {
		return
	}
	keys := make([]merchant.DeliveryKey, len(left))
	for n, d := range left {
		keys[n] = d.Key()
	}
	ctx, cancel := context.WithTimeout(ctx, saveTimeout)
	defer cancel()
	if err := s.store.ReturnDeliveries(ctx, keys, at); err != nil {
		s.opts.Log.Warn("webhooks: leases were not given back and run out by themselves", "deliveries", len(left), "error", err)
	}
}
