package refund

import "github.com/refundry/refundry/money"

// splits returns what each account that got a share of the payment gives back of
// amount, parallel to the charge's Detail.Splits; nil when it has none. All
// together give the half-up share of amount, at least what later refunds could
// not ask of them any more and at most what they still have; among each other
// they go by their shares in the order of the charge. So they sum exactly once
// the charge is refunded in full, and never to more than a refund.
func (a *allocation) splits(amount money.Minor) []money.Minor {
	listed := a.charge.Detail.Splits
	if len(listed) == 0 {
		return nil
	}
	left := make([]money.Minor, len(listed))
	var total, room money.Minor
	for i, split := range listed {
		left[i] = split.Amount
		if i < len(a.charge.SplitUsed) {
			left[i] = max(0, split.Amount-a.charge.SplitUsed[i])
		}
		total += split.Amount
		room += left[i]
	}
	most := min(amount, room)
	least := min(most, max(0, room-max(0, a.totalLeft-amount)))
	given := money.Clamp(money.HalfUp(amount, total, a.total), least, most)
	parts := make([]money.Minor, len(listed))
	for i, split := range listed {
		room -= left[i]
		least := min(max(0, given-room), left[i])
		parts[i] = money.Clamp(money.HalfUp(given, split.Amount, total), least, min(given, left[i]))
		given -= parts[i]
		total -= split.Amount
	}
	return parts
}

// useSplits adds (sign 1) or gives back (sign -1) what accounts give. The
// version before this one knew nothing of it and may have lost some: it never
// falls below 0.
func (c *Charge) useSplits(parts []money.Minor, sign money.Minor) {
	if len(parts) == 0 {
		return
	}
	used := make([]money.Minor, max(len(c.SplitUsed), len(parts)))
	copy(used, c.SplitUsed)
	for i, x := range parts {
		used[i] = max(0, used[i]+sign*x)
	}
	c.SplitUsed = used
}
