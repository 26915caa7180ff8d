package sim

import (
	"context"
	"slices"

	"github.com/refundry/refundry/channelsim"
)

// maxRounds bounds how often further refunds are asked for, because a fault may find
// nothing to spoil.
const maxRounds = 30

// topUp asks for further refunds until each fault struck as often as it should have.
// Chance leaves queries out, which are rare where notices come.
func (s *soak) topUp(ctx context.Context) error {
	for range maxRounds {
		lacking := s.lacking()
		if len(lacking) == 0 {
			return nil
		}
		refunds := 0
		for _, one := range lacking {
			refunds += one.Count
			if err := s.inject(one); err != nil {
				return err
			}
		}
		if err := s.plan(ctx, refunds); err != nil {
			return err
		}
		if err := s.Until(ctx, s.faultsMayEnd(ctx)); err != nil {
			return err
		}
	}
	return nil
}

// lacking are the faults that struck too seldom, with how often they have to.
func (s *soak) lacking() (out []channelsim.Injection) {
	for _, hit := range s.hits() {
		if hit.Phase == channelsim.InBill || hit.Hits >= s.opts.PerCell {
			continue
		}
		out = append(out, channelsim.Injection{
			Channel: hit.Channel, Step: stepOf(hit.Phase), Phase: hit.Phase, Fault: hit.Fault, Count: s.opts.PerCell - hit.Hits,
		})
	}
	return out
}

func stepOf(phase channelsim.Phase) channelsim.Step {
	if phase == channelsim.BeforeMove || phase == channelsim.AfterMove {
		return channelsim.StepSubmit
	}
	return channelsim.Step(phase)
}

// noticesPerRefund is how many notices of a refund are lost so that it is asked about:
// Stripe sends three.
const noticesPerRefund = 3

// inject asks the simulator for a fault. A query comes after a submit whose answer was
// lost, where no notice is quicker.
func (s *soak) inject(one channelsim.Injection) error {
	if one.Step == channelsim.StepQuery {
		lost := one
		lost.Step, lost.Phase, lost.Fault = channelsim.StepSubmit, channelsim.AfterMove, channelsim.DropAfter
		if err := s.simulator.Inject(lost); err != nil {
			return err
		}
		lost.Step, lost.Phase, lost.Fault, lost.Count = channelsim.StepNotice, channelsim.InNotice, channelsim.DropBefore, noticesPerRefund*one.Count
		if err := s.simulator.Inject(lost); err != nil {
			return err
		}
	}
	return s.simulator.Inject(one)
}

// hits are the faults of the channel.
func (s *soak) hits() []channelsim.Hit {
	return slices.DeleteFunc(s.simulator.Hits(), func(hit channelsim.Hit) bool { return hit.Channel != s.opts.Channel })
}
