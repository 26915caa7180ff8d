package exactjson

// Limits bound what Decode takes on. A field that is 0 (or less) stands for
// its default.
type Limits struct {
	// Bytes is the most bytes of the whole input.
	Bytes int
	// Depth is how many arrays and objects may be open at once: [] has depth
	// 1, [{}] has 2, a lone number 0.
	Depth int
	// Values is the most values in the tree, the top one and every element
	// and member included.
	Values int
	// NumberBytes is the most bytes of one number literal.
	NumberBytes int
}

// The defaults of Limits.
const (
	// DefaultBytes is far above any request of the protocols; the largest, a
	// batch of some hundred refunds, stays below 200 kB.
	DefaultBytes = 1 << 20
	// DefaultDepth is far above the 5 or 6 that protocols use, and lets the
	// recursion of the parser and of its callers be small.
	DefaultDepth = 32
	// DefaultValues holds memory down: a value of two bytes ("1,") takes about
	// a hundred in the tree.
	DefaultValues = 50_000
	// DefaultNumberBytes is above any amount or rate; readers of numbers may
	// take quadratic time in the length.
	DefaultNumberBytes = 64
)

func (l Limits) withDefaults() Limits {
	for _, field := range []struct {
		value    *int
		standard int
	}{
		{&l.Bytes, DefaultBytes},
		{&l.Depth, DefaultDepth},
		{&l.Values, DefaultValues},
		{&l.NumberBytes, DefaultNumberBytes},
	} {
		if *field.value <= 0 {
			*field.value = field.standard
		}
	}
	return l
}
