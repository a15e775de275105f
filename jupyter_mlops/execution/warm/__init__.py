"""Warm kernels: stages start as forks of a process that has booted a kernel and imported what they import."""
