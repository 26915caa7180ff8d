package intake

import (
	"cmp"
	"slices"
	"strings"

	"github.com/refundry/refundry/refund"
)

// claims lists each number and key of the batch once, as its first claimer
// would own it.
func (b *attempt) claims() []refund.Number {
	seen := make(map[refund.NumberKey]bool)
	var claims []refund.Number
	add := func(n refund.Number) {
		if !seen[n.NumberKey] {
			seen[n.NumberKey] = true
			claims = append(claims, n)
		}
	}
	for at, unit := range b.units {
		if b.results[at].Err != nil {
			continue // it ended before it claimed anything
		}
		for _, n := range b.numbersOf(unit) {
			add(n)
		}
	}
	return claims
}

// numbersOf lists what a unit claims: each request's number, and the key.
func (b *attempt) numbersOf(unit refund.Unit) []refund.Number {
	var out []refund.Number
	ids := make([]string, len(unit.Requests))
	for n, request := range unit.Requests {
		ids[n] = request.RefundID
		if request.Number != "" {
			out = append(out, refund.Number{
				NumberKey: refund.NumberKey{MerchantID: unit.MerchantID, Namespace: refund.NumberNamespace, Value: request.Number},
				Refunds:   ids[n : n+1], Contents: unit.Members[n : n+1], CreatedAt: b.now,
			})
		}
	}
	for _, key := range keysOf(unit) {
		claim := refund.Number{NumberKey: key, Refunds: ids, Contents: unit.Members, CreatedAt: b.now}
		if key.Value == unit.Batch.Key() {
			claim.Batch = unit.Batch
		}
		out = append(out, claim)
	}
	return out
}

// keysOf lists the keys that stand for a unit as a whole.
func keysOf(unit refund.Unit) []refund.NumberKey {
	var keys []refund.NumberKey
	for _, value := range []string{unit.Key, unit.Name, unit.Batch.Key()} {
		if value != "" {
			keys = append(keys, refund.NumberKey{MerchantID: unit.MerchantID, Namespace: refund.KeyNamespace, Value: value})
		}
	}
	return keys
}

// repeats reports whether the unit repeats an earlier one, and which refunds
// those are. Other content under the same number or key is an error, and so
// are numbers and keys that point to different refunds.
func (b *attempt) repeats(unit refund.Unit) (ids []string, repeated bool, err *refund.Error) {
	ids, known, err := b.byNumber(unit)
	if err != nil {
		return nil, false, err
	}
	var fresh []refund.NumberKey
	for _, key := range keysOf(unit) {
		owner, taken := b.owners[key]
		if !taken {
			fresh = append(fresh, key)
			continue
		}
		param := "idempotency_key"
		if key.Value != unit.Key {
			param = "unit"
		}
		if err := sameUnit(unit, owner, ids, param); err != nil {
			return nil, false, err
		}
		ids, known = owner.Refunds, len(owner.Refunds)
	}
	switch {
	case known == 0:
		return nil, false, nil
	case known < len(ids):
		return nil, false, conflict(refund.KindNumberConflict, "number", cmp.Or(ids...), "some of the unit's refund numbers were used before")
	}
	for _, key := range fresh {
		// A new key for refunds that are there: from now on it means them.
		b.owners[key] = refund.Number{NumberKey: key, Refunds: ids, Contents: unit.Members, CreatedAt: b.now}
	}
	return ids, true, nil
}

// sameUnit compares a unit with what the owner of one of its keys was. ids are
// the refunds that its numbers and other keys stand for, "" where that is open.
func sameUnit(unit refund.Unit, owner refund.Number, ids []string, param string) *refund.Error {
	if len(owner.Refunds) == 0 {
		return conflict(refund.KindKeyConflict, param, "", "the idempotency key was used for another request than a refund")
	}
	if len(owner.Contents) != len(unit.Members) {
		return conflict(refund.KindKeyConflict, param, owner.Refunds[0], "the idempotency key was used for another request")
	}
	for n, member := range unit.Members {
		if !refund.SameContent(owner.Contents[n], member) {
			return differs(conflict(refund.KindKeyConflict, param, owner.Refunds[n], "the idempotency key was used for another request"), owner.Contents[n], member)
		}
	}
	for n, id := range ids {
		if id != "" && id != owner.Refunds[n] {
			return conflict(refund.KindKeyConflict, param, owner.Refunds[n], "the idempotency key and the refund number stand for different refunds")
		}
	}
	return nil
}

// byNumber returns the refund that each request's number stands for, "" where it
// has none or a new one, and how many are known.
func (b *attempt) byNumber(unit refund.Unit) (ids []string, known int, err *refund.Error) {
	ids = make([]string, len(unit.Requests))
	for n, request := range unit.Requests {
		owner, taken := b.owners[refund.NumberKey{MerchantID: unit.MerchantID, Namespace: refund.NumberNamespace, Value: request.Number}]
		if request.Number == "" || !taken {
			continue
		}
		if !refund.SameContent(owner.Contents[0], unit.Members[n]) {
			e := conflict(refund.KindNumberConflict, "number", owner.Refunds[0], "the refund number was used for another refund")
			return nil, 0, differs(e, owner.Contents[0], unit.Members[n])
		}
		ids[n] = owner.Refunds[0]
		known++
	}
	return ids, known, nil
}

// repeat answers with the refunds that were accepted before, as they are now.
func (b *attempt) repeat(unit refund.Unit, ids []string, earlier map[refund.Key]refund.Refund, accepted map[refund.Key]*refund.Refund) (Result, *refund.Error) {
	result := Result{Repeated: true, Charges: make(map[string]refund.Charge, 1)}
	for n, id := range ids {
		key := refund.Key{MerchantID: unit.MerchantID, ID: id}
		r, ok := earlier[key]
		if made := accepted[key]; made != nil {
			r, ok = *made, true
		}
		if !ok {
			return Result{}, conflict(refund.KindCorrupt, "number", id, "a number stands for a refund that is not there")
		}
		if number := unit.Requests[n].Number; number != "" && number != r.Number {
			return Result{}, conflict(refund.KindKeyConflict, "idempotency_key", id, "the idempotency key was used with another refund number")
		}
		charge, ok := b.charges[refund.ChargeKey{MerchantID: unit.MerchantID, ID: r.ChargeID}]
		if !ok {
			return Result{}, conflict(refund.KindNumberConflict, "charge", id, "the refund is of another charge")
		}
		result.Refunds = append(result.Refunds, r)
		result.Charges[r.ChargeID] = charge
	}
	return result, nil
}

// own notes that an accepted unit holds its numbers.
func (b *attempt) own(unit refund.Unit) {
	for _, n := range b.numbersOf(unit) {
		b.owners[n.NumberKey] = n
	}
}

// moves corrects the claims that this transaction inserted for units that in
// the end do not own them: a refused request uses up neither number nor key.
func (b *attempt) moves(claims []refund.Number) []refund.Number {
	var moves []refund.Number
	for _, claim := range claims {
		if _, ours := b.mine[claim.NumberKey]; !ours {
			continue
		}
		owner, owned := b.owners[claim.NumberKey]
		switch {
		case !owned:
			claim.Refunds = nil
			moves = append(moves, claim)
		case !slices.Equal(owner.Refunds, claim.Refunds):
			moves = append(moves, owner)
		}
	}
	return moves
}

// earlierKeys lists the refunds that claims made before stand for.
func (b *attempt) earlierKeys() []refund.Key {
	var keys []refund.Key
	for _, claim := range b.claims() {
		for _, id := range b.owners[claim.NumberKey].Refunds {
			keys = append(keys, refund.Key{MerchantID: claim.MerchantID, ID: id})
		}
	}
	return keys
}

func conflict(kind refund.Kind, param, refundID, text string) *refund.Error {
	e := refund.Errorf(kind, param, "%s", text)
	e.Refund, e.More = refundID, refundID
	return e
}

// differs says in which members the request is not the one that was accepted.
func differs(e *refund.Error, accepted, asked refund.Content) *refund.Error {
	e.More += ", with another " + strings.Join(refund.OtherContent(accepted, asked), ", another ")
	return e
}
