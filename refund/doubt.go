package refund

// The bits under which what is in doubt of a refund is stored, each of the
// member that it is named after.
const (
	DoubtUnknown      = 1
	DoubtRefused      = 2
	DoubtContradicted = 4
	DoubtUnproven     = 8
	DoubtNeedsPerson  = 16
	DoubtHinted       = 32
)
