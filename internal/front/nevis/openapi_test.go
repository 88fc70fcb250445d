package nevis_test

func (w *world) judge(q request, r reply) {}
