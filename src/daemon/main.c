/* tunewatchd: options, and the life of the engine. */
int main(void)
{
	return 0;
}
