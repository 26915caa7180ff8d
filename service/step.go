package service

import "context"

// Step is one of the things that the loops of a service do again and again.
type Step struct {
	Name string
	// Take does it once and returns how much there was to do.
	Take func(context.Context) (int, error)
}

// Steps are all that there are, for a service without loops, the intake's first. They
// are not for concurrent use.
func (s *Service) Steps() []Step {
	return []Step{
		{"intake", func(ctx context.Context) (int, error) { return s.intake.Step(ctx), nil }},
		{"look", s.engine.StepLook},
		{"call", func(ctx context.Context) (int, error) {
			if s.engine.StepCall(ctx) {
				return 1, nil
			}
			return 0, nil
		}},
		{"record", s.engine.StepRecord},
		{"notices", s.engine.StepNotices},
		{"inbox", s.engine.StepInbox},
		{"waits", s.engine.StepWaits},
		{"fan-out", s.webhooks.StepFanOut},
		{"make", s.webhooks.StepMake},
		{"send", s.webhooks.StepSend},
		{"count", s.counting.step},
		{"bulk", s.bulk.Step},
	}
}

// Waiting is how many units of refund requests wait for the next commit.
func (s *Service) Waiting() int { return s.intake.Waiting() }

// Abandon ends a service without loops as a process ends that is killed: what it
// had in memory is gone.
func (s *Service) Abandon() {
	s.closing.Store(true)
	s.release()
}
